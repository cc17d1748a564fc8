"""What is left of a failing model is as small as can be, and runs by what was written down."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from made_graphs import Array, network, one_filter, picture, written
from onnx import ModelProto, helper
from safetensors.numpy import load_file

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.layers import REFERENCE, RunnerEngine, Side, reduce
from oxidizedvision.layers.engines import TimedRunner
from oxidizedvision.layers.reduction.minimise import reduced
from oxidizedvision.runners.base import RunnerConfig


class Stand:
    """An engine in which something is wrong; `change` gets the nodes of a copy of the model."""

    name = "a stand-in"

    def __init__(self, change: Any) -> None:
        self.change = change

    def answers(self, model: ModelProto, cases: Sequence[Mapping[str, Array]]) -> Any:
        copy = type(model).FromString(model.SerializeToString())
        self.change(copy.graph)
        return REFERENCE.answers(copy, cases)


def wrong_relu(graph: Any) -> None:
    for node in graph.node:
        if node.op_type == "Relu":
            node.op_type = "LeakyRelu"


def wrong_when_joined(graph: Any) -> None:
    """A product and its Relu are wrong together, and each is right alone."""
    outputs = {value.name for value in graph.output}
    products = {n.output[0] for n in graph.node if n.op_type == "Mul"} - outputs
    for node in graph.node:
        if node.op_type == "Relu" and node.input[0] in products:
            node.op_type = "LeakyRelu"


def no_pooling(graph: Any) -> None:
    if any(node.op_type == "GlobalAveragePool" for node in graph.node):
        raise OxidizedVisionError(Kind.UNSUPPORTED, "no pooling here")


def left(change: Any, folder: Path | None = None) -> Any:
    sides = Side(network(), REFERENCE, "clean"), Side(network(), Stand(change), "net")
    return reduce(*sides, picture(), folder)


def test_a_wrong_operator_is_left_alone() -> None:
    found = left(wrong_relu)
    assert found.failing
    assert found.kind == "differs"
    assert found.operators == ("Relu",)
    assert found.exit_code == 3


def test_two_that_are_wrong_only_together_are_left() -> None:
    found = left(wrong_when_joined)
    assert found.operators == ("Mul", "Relu")
    assert found.nodes == ("/m2", "/r2")


def test_an_error_of_the_engine_is_reduced_too() -> None:
    found = left(no_pooling)
    assert found.kind == "unsupported"
    assert found.operators == ("GlobalAveragePool",)
    assert found.message == "no pooling here"


def reshaped() -> ModelProto:
    """The network with a shape that is worked out in between."""
    model = network()
    place = len(model.graph.node) - 1
    model.graph.node[place].input[0] = "again"
    model.graph.node.insert(place, helper.make_node("Shape", ["flat"], ["shape"], name="/shape"))
    again = helper.make_node("Reshape", ["flat", "shape"], ["again"], name="/again")
    model.graph.node.insert(place + 1, again)
    return model


def no_shapes(graph: Any) -> None:
    if any(node.op_type == "Shape" for node in graph.node):
        raise OxidizedVisionError(Kind.UNSUPPORTED, "no Shape here")


def test_what_is_worked_out_from_shapes_may_be_what_fails() -> None:
    sides = Side(reshaped(), REFERENCE, "clean"), Side(reshaped(), Stand(no_shapes), "net")
    found = reduce(*sides, picture(), None)
    assert found.kind == "unsupported"
    assert found.operators == ("Shape", "Reshape")


def test_what_does_not_fail_leaves_nothing(tmp_path: Path) -> None:
    found = left(lambda _: None, tmp_path / "bundle")
    assert not found.failing
    assert found.exit_code == 0
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("wanted", [{7}, {3, 41}, {0, 20, 49}])
def test_delta_debugging_finds_the_least(wanted: set[int]) -> None:
    tried = 0

    def fails(nodes: Sequence[int]) -> bool:
        nonlocal tried
        tried += 1
        return wanted <= {*nodes}

    assert set(reduced(range(50), fails)) == wanted
    assert tried < 150


def run_script(folder: Path) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, str(folder / "reproduce.py")])


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_bundle_runs_and_tells_when_it_no_longer_fails(tmp_path: Path) -> None:
    clean, bad = (
        written(network(), tmp_path / "a.onnx"),
        written(one_filter(network()), tmp_path / "b.onnx"),
    )
    folder = tmp_path / "bundle"
    found = reduce(clean, bad, picture(), folder)
    assert found.nodes == ("/c2",)
    assert {"README.md", "case.json", "case.safetensors", "model.onnx", "reproduce.py"} <= {
        *found.files
    }
    tensors = load_file(folder / "case.safetensors")
    assert tensors.keys() == {"input/r1", "output/c2"}
    failing = run_script(folder)
    assert failing.returncode == 3, failing.stderr
    assert "FAIL c2" in failing.stdout
    (folder / "model.onnx").write_bytes(part_of(network()))
    mended = run_script(folder)
    assert mended.returncode == 0, mended.stderr + mended.stdout


def test_what_the_engine_says_is_a_failure_too(tmp_path: Path) -> None:
    sides = (
        written(network(), tmp_path / "a.onnx"),
        written(one_filter(network()), tmp_path / "b.onnx"),
    )
    folder = tmp_path / "bundle"
    reduce(*sides, picture(), folder)
    model = onnx.load(folder / "model.onnx")
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, folder / "model.onnx")
    refused = run_script(folder)
    assert refused.returncode == 3, refused.stderr
    assert "FAIL" in refused.stdout
    assert "NoSuchOperator" in refused.stdout
    hidden = (
        f"import sys; sys.modules['onnxruntime'] = None; sys.argv = ['{folder}/reproduce.py']\n"
    )
    (tmp_path / "without.py").write_text(
        f"{hidden}import runpy\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    missing = run([sys.executable, str(tmp_path / "without.py")])
    assert missing.returncode == 4, missing.stderr + missing.stdout


def part_of(model: ModelProto) -> bytes:
    from oxidizedvision.layers.graph import Graph

    graph = Graph(model)
    content: bytes = graph.part([graph.producers["c2"]]).SerializeToString()
    return content


def test_a_bundle_has_a_crate_for_a_rust_engine(tmp_path: Path) -> None:
    clean = written(network(), tmp_path / "a.onnx")
    bad = written(one_filter(network()), tmp_path / "b.onnx")
    found = reduce(clean, bad, picture(), tmp_path / "bundle", engine="tract")
    assert {"rust/Cargo.toml", "rust/Cargo.lock", "rust/src/main.rs"} <= {*found.files}
    main = (tmp_path / "bundle" / "rust" / "src" / "main.rs").read_text()
    assert "use runner_tract::TractRunner;" in main
    assert "{{" not in main
    assert '("c2", ' in main
    readme = (tmp_path / "bundle" / "README.md").read_text()
    assert "cargo run --release" in readme
    assert "/c2 | Conv | second.conv" in readme
    case = json.loads((tmp_path / "bundle" / "case.json").read_text())
    assert (case["engine"], case["kind"], case["nodes"]) == ("tract", "differs", ["/c2"])
    assert np.isfinite(list(case["outputs"].values())).all()


def test_a_folder_with_other_content_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OxidizedVisionError, match="not a bundle") as caught:
        left(wrong_relu, tmp_path)
    assert caught.value.kind is Kind.USAGE
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_engine_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network().SerializeToString()
    start = time.monotonic()
    with pytest.raises(OxidizedVisionError, match=r"had not ended after 0\.001 s of loading"):
        TimedRunner("onnxruntime", RunnerConfig(model), 0.001)
    assert time.monotonic() - start < 30
    with TimedRunner("onnxruntime", RunnerConfig(model), 100.0) as runner:
        assert runner.run_named(picture())["scores"].shape == (1, 5)


def test_a_runner_engine_gives_what_the_runner_gives() -> None:
    (first,) = RunnerEngine("onnxruntime").answers(network(), [picture()])
    (second,) = REFERENCE.answers(network(), [picture()])
    np.testing.assert_allclose(first["scores"], second["scores"], rtol=1e-4, atol=1e-5)
