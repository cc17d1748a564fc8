"""The Python runner onnxruntime refuses what the Rust engines refuse, by the same kind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners import RunnerConfig, load, load_runner

ROOT = Path(__file__).parents[3]
HOSTILE = ROOT / "testdata/hostile"
NAME = "weights.data"

# ONNX Runtime tells the output's shape that it infers, not the one that the file declares.
PASSES = {"huge_output"}


def hostile_set() -> list[tuple[str, str]]:
    """The files of the Rust suite that are refused at load, each with its kind."""
    source = ROOT / "rust_runtime/crates/runner_testkit/src/refusals.rs"
    listed = source.read_text(encoding="utf-8").split("let reads_onnx", maxsplit=1)[0]
    pairs = re.findall(r'\("(\w+)", LoadErrorKind::(\w+)\)', listed)
    kinds = [(name, Kind(kind.lower()).value) for name, kind in pairs if name not in PASSES]
    return [*kinds, *((name, "corrupt") for name in ("empty", "random", "truncated"))]


def refused(model: Path | bytes) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        load_runner("onnxruntime", RunnerConfig(model))
    assert caught.value.hint
    return caught.value


def test_the_set_is_that_of_the_rust_suite() -> None:
    names = [name for name, _ in hostile_set()]
    assert len(names) > 12
    assert {"twice", "huge_weight", "outside_parent"} < set(names)


@pytest.mark.parametrize(("name", "kind"), hostile_set())
def test_a_hostile_file_has_the_kind_of_the_rust_engines(name: str, kind: str) -> None:
    error = refused(HOSTILE / f"{name}.onnx")
    assert error.kind.value == kind
    assert f"{name}.onnx" in error.message


def model_bytes(*, depth: int = 0, **entries: str) -> bytes:
    """`y = x + w`, where `w` is in another file; it stands `depth` graphs deep."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        weight.external_data.add(key=key, value=value)
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g", [], [value], initializer=[weight]
    )
    flag = helper.make_tensor("flag", TensorProto.BOOL, [], [True])
    for _ in range(depth):
        node = helper.make_node("If", ["flag"], ["y"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([node], "g", [], [value])
    graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, [2]))
    graph.initializer.append(flag)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return bytes(model.SerializeToString())


def write(folder: Path, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "m.onnx"
    path.write_bytes(content)
    return path


def weights(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(np.array([2, -3], np.float32).tobytes())
    return path


@pytest.mark.parametrize("location", [NAME, "without_ending", "folder/weights"])
@pytest.mark.parametrize("depth", [0, 1])
def test_plain_files_of_the_models_folder_are_read(
    location: str, depth: int, tmp_path: Path
) -> None:
    path = write(tmp_path / "model", model_bytes(depth=depth, location=location))
    weights(path.parent / location)
    runner = load(path, runner="onnxruntime")
    assert runner.run(np.array([10, 20], np.float32)).tolist() == [12, 17]


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    path = write(tmp_path, model_bytes(location=NAME))
    weights(tmp_path / "real.data")
    (tmp_path / NAME).symlink_to("real.data")
    load(path, runner="onnxruntime")


def hard_link(file: Path) -> None:
    os.link(weights(file.parents[1] / "secret"), file)


def link_out(file: Path) -> None:
    weights(file.parents[1] / "secret")
    file.symlink_to("../secret")


def link_to_folder_out(file: Path) -> None:
    weights(file.parents[2] / "secret")
    file.parent.symlink_to("..")


def short(file: Path) -> None:
    file.write_bytes(b"\0" * 7)


def nothing(_: Path) -> None:
    """Leaves the place empty."""


@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize(
    ("location", "place", "kind"),
    [
        (NAME, hard_link, Kind.CORRUPT),
        (NAME, link_out, Kind.CORRUPT),
        ("up/secret", link_to_folder_out, Kind.CORRUPT),
        ("../secret", lambda file: weights(file.resolve()), Kind.CORRUPT),
        ("/etc/hostname", nothing, Kind.CORRUPT),
        ("", nothing, Kind.CORRUPT),
        (NAME, short, Kind.CORRUPT),
        (NAME, nothing, Kind.UNREADABLE),
        (NAME, Path.mkdir, Kind.UNREADABLE),
        (NAME, os.mkfifo, Kind.UNREADABLE),
        ("nul\0.data", nothing, Kind.UNREADABLE),
    ],
)
def test_everything_else_is_refused(
    location: str, place: Callable[[Path], object], kind: Kind, depth: int, tmp_path: Path
) -> None:
    content = model_bytes(depth=depth, location=location, length="8")
    path = write(tmp_path / "model", content)
    place(path.parent / location if "\0" not in location else path)
    error = refused(path)
    assert error.kind is kind
    assert repr(location) in error.message


@pytest.mark.parametrize(
    "entries",
    [{"offset": "-8"}, {"offset": "x"}, {"offset": "4", "length": "8"}, {"length": "9" * 5000}],
)
def test_a_place_that_cannot_be_is_corrupt(entries: dict[str, str], tmp_path: Path) -> None:
    weights(tmp_path / NAME)
    assert refused(write(tmp_path, model_bytes(location=NAME, **entries))).kind is Kind.CORRUPT


def test_two_locations_or_none_are_corrupt(tmp_path: Path) -> None:
    weights(tmp_path / NAME)
    model = onnx.load_model_from_string(model_bytes(location=NAME))
    (tensor,) = (t for t in model.graph.initializer if t.name == "w")
    tensor.external_data.add(key="location", value="/etc/hostname")
    assert "two locations" in refused(write(tmp_path, model.SerializeToString())).message


def test_external_data_in_a_function_is_looked_at_too(tmp_path: Path) -> None:
    inner = onnx.load_model_from_string(model_bytes(location="/etc/hostname")).graph.initializer[0]
    constant = helper.make_node("Constant", [], ["y"], value=inner)
    opsets = [helper.make_opsetid("", 14), helper.make_opsetid("own", 1)]
    function = helper.make_function("own", "Same", ["x"], ["y"], [constant], opsets[:1])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Same", ["x"], ["y"], domain="own")], "g", ends[:1], ends[1:]
    )
    model = helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8)
    error = refused(write(tmp_path, model.SerializeToString()))
    assert "is outside the model's folder" in error.message


def test_content_without_a_path_has_no_second_file() -> None:
    error = refused(model_bytes(location=NAME))
    assert error.kind is Kind.UNSUPPORTED
    assert NAME in error.message


def test_models_of_one_file_are_not_parsed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    load(ROOT / "testdata/models/residual.onnx", runner="onnxruntime")


def test_the_engine_prints_nothing_beside_the_error(tmp_path: Path) -> None:
    weights(tmp_path / NAME)
    bad = write(tmp_path, model_bytes(location=NAME, length="4"))
    program = """
        import sys
        import numpy as np
        from oxidizedvision import OxidizedVisionError, load
        try:
            load(sys.argv[1], runner="onnxruntime")
        except OxidizedVisionError as error:
            print("4" in error.message)
        runner = load(sys.argv[2], runner="onnxruntime")
        try:
            runner.run(np.ones(2, np.float32))
        except OxidizedVisionError as error:
            print("Gather" in error.message)
    """
    index = helper.make_tensor("i", TensorProto.INT64, [2], [9, 9])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["x", "i"], ["y"])], "g", ends[:1], ends[1:], [index]
    )
    opsets = [helper.make_opsetid("", 14)]
    gather = write(
        tmp_path / "gather",
        helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString(),
    )
    done = subprocess.run(
        [sys.executable, "-c", re.sub(r"^ {8}", "", program, flags=re.M), str(bad), str(gather)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")


@pytest.mark.parametrize(("ir_version", "opset"), [(200, 14), (8, 200)])
def test_a_newer_format_or_opset_is_unsupported(
    ir_version: int, opset: int, tmp_path: Path
) -> None:
    model = onnx.load(ROOT / "testdata/models/residual.onnx")
    model.ir_version = ir_version
    model.opset_import[0].version = opset
    assert refused(write(tmp_path, model.SerializeToString())).kind is Kind.UNSUPPORTED
