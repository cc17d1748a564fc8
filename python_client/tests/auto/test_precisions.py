"""Smaller precisions take part beside FP32, once they are within their limits of PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from made_choice import ENGINES, Stub
from tiny_network import Artifact

from oxidizedvision import package, predict, validate
from oxidizedvision.auto import ChooseOptions, choose
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import Tolerance, load_manifest
from oxidizedvision.optimize.publication import Made, put
from oxidizedvision.package import build
from oxidizedvision.quantize.graphs import store_int8
from oxidizedvision.runners.table import load


@pytest.fixture(autouse=True)
def _no_cargo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(build, "find_cargo", lambda: None)


SHORT = ChooseOptions(engines=ENGINES, threads=1)


def int8_of(tiny: Artifact, *, spoil: float = 0.0) -> Path:
    """The tiny network with small weights, put beside the other; spoilt where it should fail."""
    model = onnx.load(tiny.onnx)
    if spoil:
        tensor = next(it for it in model.graph.initializer if len(it.dims) == 4)
        array = onnx.numpy_helper.to_array(tensor) * spoil
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    store_int8(model)
    target = tiny.onnx.with_name("tiny.int8.onnx")
    tolerance = Tolerance(mae=0.1, cosine_similarity=0.99)
    made = Made("int8", "test", target, model.SerializeToString(), {}, {}, 0.0, tolerance)
    put(tiny.manifest, tiny.onnx, [made])
    return target


def by_precision(stub: Stub, **ms: float) -> None:
    stub.figures = lambda each: {"p50_ms": ms[each.variant or "fp32"] + (each.runner == "tract")}


def test_int8_wins_where_it_is_faster(tiny: Artifact, stub: Stub) -> None:
    file = int8_of(tiny)
    by_precision(stub, int8=5.0, fp32=10.0)
    choice = choose(tiny.manifest, options=SHORT)
    assert (choice.runner, choice.precision, choice.file) == ("rten", "int8", file.name)
    assert choice.words.startswith("auto chose rten in INT8 with 1 thread for latency: ")
    assert {(row.runner, row.precision) for row in choice.rows} == {
        (engine, precision) for engine in ENGINES for precision in ("fp32", "int8")
    }
    assert {each.model for call in stub.calls for each in call} == {None, str(file)}
    assert choice.files[file.name] == sha256_of(file)
    assert choose(tiny.manifest, options=SHORT).kept


def test_fp32_wins_though_the_newest_file_is_int8(tiny: Artifact, stub: Stub) -> None:
    int8_of(tiny)
    by_precision(stub, int8=12.0, fp32=10.0)
    choice = choose(tiny.manifest, options=SHORT)
    assert (choice.precision, choice.file) == ("fp32", "tiny.onnx")
    assert load_manifest(tiny.manifest).head("onnx").file == "tiny.int8.onnx"


def test_int8_that_differs_too_far_takes_no_part(tiny: Artifact, stub: Stub) -> None:
    int8_of(tiny, spoil=-3.0)
    by_precision(stub, int8=1.0, fp32=10.0)
    choice = choose(tiny.manifest, options=SHORT)
    assert choice.precision == "fp32"
    dropped = {row.name: row.reason for row in choice.dropped}
    for engine in ENGINES:
        assert dropped[f"{engine} in INT8"].startswith("validation failed: output")
    assert {each.variant for call in stub.calls for each in call} == {""}


def test_another_int8_file_is_measured_again(tiny: Artifact, stub: Stub) -> None:
    int8_of(tiny)
    by_precision(stub, int8=5.0, fp32=10.0)
    choose(tiny.manifest, options=SHORT)
    int8_of(tiny, spoil=1.0001)
    again = choose(tiny.manifest, options=SHORT)
    assert not again.kept
    assert "tiny.int8.onnx has another content" in again.notes[0]


def test_the_smallest_file_wins_for_size(tiny: Artifact, stub: Stub) -> None:
    target = int8_of(tiny)
    by_precision(stub, int8=10.0, fp32=10.0)
    choice = choose(tiny.manifest, goal="size", options=SHORT)
    small = target.stat().st_size < tiny.onnx.stat().st_size
    assert choice.precision == ("int8" if small else "fp32")
    assert {row.precision for row in choice.rows} == {choice.precision}


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_predict_and_package_take_the_file_that_was_chosen(
    tiny: Artifact, stub: Stub, tmp_path: Path, precision: str
) -> None:
    int8_of(tiny)
    by_precision(stub, **{"int8": 10.0, "fp32": 10.0, precision: 5.0})
    file = tiny.onnx.with_name("tiny.int8.onnx") if precision == "int8" else tiny.onnx
    array = np.random.default_rng(0).standard_normal((1, 3, 8, 12)).astype(np.float32)
    np.save(tmp_path / "x.npy", array)
    predict(tiny.manifest, tmp_path / "x.npy", runner="auto", output=tmp_path / "y.npy")
    chosen = choose(tiny.manifest)
    assert chosen.kept
    with load(file, runner=chosen.runner) as engine:
        np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), engine.run(array))
    crate = package(tiny.manifest, output=tmp_path / "crate", engine="auto").path
    carried = [path for path in crate.rglob("*.onnx") if sha256_of(path) == sha256_of(file)]
    assert len(carried) == 1
    tolerance = load_manifest(next(crate.glob("*.oxv.json"))).tolerance
    assert tolerance.mae == (
        0.1 if precision == "int8" else load_manifest(tiny.manifest).tolerance.mae
    )


def test_the_last_validation_counts_for_fp32_alone(tiny: Artifact, stub: Stub) -> None:
    validate(tiny.manifest, runners=list(ENGINES))
    int8_of(tiny)
    by_precision(stub, int8=5.0, fp32=10.0)
    assert choose(tiny.manifest, options=SHORT).precision == "int8"
