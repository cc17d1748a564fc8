"""`prepare` keeps what gives PyTorch's answers and records it; prepared files are targets."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tiny_network import Artifact

import oxidizedvision
from oxidizedvision import BenchmarkOptions, benchmark, validate
from oxidizedvision.config import BudgetConfig
from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import find_manifest, load_manifest
from oxidizedvision.optimize.publication import Made, put
from oxidizedvision.prepare import PrepareResult, prepare
from oxidizedvision.runners import availability, prepared
from oxidizedvision.runners.target import resolve

TESTDATA = Path(__file__).parents[2] / "testdata"
ENGINES = [e.name for e in NATIVE_ENGINES if e.prepared and availability(e.name).ready]
SHORT = BenchmarkOptions(iters=1, warmup_iters=1, processes=1, threads=1)
needs_ort = pytest.mark.skipif("ort" not in ENGINES, reason="ort is not ready")


def refused(work: Callable[[], object]) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        work()
    assert caught.value.hint
    return caught.value


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_proved_recorded_and_a_target(engine: str, tiny: Artifact) -> None:
    before = load_manifest(tiny.manifest)
    result = prepare(tiny.config, runner=engine)
    manifest = load_manifest(tiny.manifest)
    assert (result.runner, result.recorded) == (engine, True)
    assert result.cases > 0
    assert result.bytes_after == result.output.stat().st_size
    assert find_manifest(result.output) == tiny.manifest
    stage = manifest.stages[-1]
    assert (stage.name, stage.parameters["runner"]) == ("prepare", engine)
    assert stage.input_sha256 == before.head("onnx").sha256
    assert stage.output.sha256 == sha256_of(result.output)
    assert manifest.head("onnx") == before.head("onnx")
    assert manifest.stages[:-1] == before.stages
    again = prepare(tiny.onnx, runner=engine)
    assert again.output.resolve() == result.output.resolve()
    assert len(load_manifest(tiny.manifest).stages) == len(manifest.stages)
    assert not [name for name in files(tiny.onnx.parent) if name.startswith(".oxv-")]
    report = validate(result.output, runners=[engine])
    assert report.passed
    assert report.results


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_without_a_manifest_is_prepared_too(engine: str, tmp_path: Path) -> None:
    model = TESTDATA / "models" / "residual.onnx"
    out = prepared.prepared_path(engine, tmp_path / model.name)
    result = prepare(model, runner=engine, output=out)
    assert (result.output, result.cases, result.recorded) == (out, 0, False)
    assert files(tmp_path) == {out.name}
    assert resolve(out).name in ("residual", "residual.rten")


def test_elsewhere_it_is_not_recorded(tiny: Artifact, tmp_path: Path) -> None:
    before = tiny.manifest.read_bytes()
    result = prepare(tiny.onnx, runner="rten", output=tmp_path / "other" / "m.onnx")
    assert result.output.is_file()
    assert (result.recorded, result.cases > 0) == (False, True)
    assert tiny.manifest.read_bytes() == before


@needs_ort
def test_fixed_shapes_are_proved_on_the_goldens_that_have_them(tiny: Artifact) -> None:
    shape = load_manifest(tiny.manifest).input_shapes
    fixed = prepare(tiny.onnx, runner="ort", input_shapes=shape)
    assert fixed.cases > 0
    other = {name: [7, *lengths[1:]] for name, lengths in shape.items()}
    error = refused(lambda: prepare(tiny.onnx, runner="ort", input_shapes=other))
    assert error.kind is Kind.USAGE
    assert "No golden of tiny.onnx has the shape" in error.message


def _of_another_network(tiny: Artifact, pair: Artifact, patch: pytest.MonkeyPatch) -> None:
    """In place of the right file one of a network with other outputs."""
    right = prepared.prepare_apart

    def planted(runner: str, _: Path, out: Path, **more: object) -> prepared.PreparedModel:
        return right(runner, pair.onnx, out, **more)  # type: ignore[arg-type]

    patch.setattr(import_module("oxidizedvision.prepare"), "prepare_apart", planted)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_gives_other_answers_is_not_kept(
    engine: str, tiny: Artifact, pair: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, there = tiny.manifest.read_bytes(), files(tiny.onnx.parent)
    _of_another_network(tiny, pair, monkeypatch)
    error = refused(lambda: prepare(tiny.onnx, runner=engine))
    assert error.kind is Kind.CHECK_FAILED
    assert error.exit_code is ExitCode.CHECK_FAILED
    assert "does not give PyTorch's answers" in error.message
    assert tiny.manifest.read_bytes() == manifest
    assert files(tiny.onnx.parent) == there


def test_files_of_the_model_are_never_written_over(tiny: Artifact) -> None:
    for own in (tiny.onnx, tiny.onnx.parent / "." / tiny.onnx.name):
        content = own.read_bytes()
        error = refused(lambda own=own: prepare(tiny.onnx, runner="rten", output=own))
        assert error.kind is Kind.USAGE
        assert own.read_bytes() == content


def test_what_cannot_be_prepared_is_told(tiny: Artifact) -> None:
    def kind(**more: object) -> Kind:
        return refused(lambda: prepare(tiny.onnx, **more)).kind  # type: ignore[arg-type]

    there = files(tiny.onnx.parent)
    assert kind(runner="openvino") is Kind.UNSUPPORTED
    assert kind(runner="swift") is Kind.USAGE
    assert kind(runner="rten", output=tiny.onnx.with_name("m.ort")) is Kind.USAGE
    assert kind(runner="rten", options={"swiftness": "3"}) is Kind.INVALID_OPTION
    tiny.goldens.write_bytes(tiny.goldens.read_bytes()[:-1])
    assert kind(runner="rten") is Kind.CHECK_FAILED
    assert files(tiny.onnx.parent) == there


@needs_ort
def test_a_prepared_file_is_not_prepared_again(tiny: Artifact) -> None:
    out = prepare(tiny.onnx, runner="ort").output
    assert refused(lambda: prepare(out, runner="ort")).kind is Kind.USAGE


@needs_ort
def test_a_prepared_target_is_measured_as_such_and_can_keep_a_budget(tiny: Artifact) -> None:
    before = load_manifest(tiny.manifest).benchmark
    out = prepare(tiny.onnx, runner="ort").output
    limits = BudgetConfig(latency_ms=1e6)
    report = benchmark(out, options=SHORT, budget=limits)
    assert [row.runner for row in report.results] == ["ort"]
    assert report.results[0].model_bytes == out.stat().st_size
    assert report.model == "tiny"
    assert report.budget is not None
    assert (report.budget.kept, report.exit_code, report.levers) == (True, ExitCode.DONE, ())
    assert load_manifest(tiny.manifest).benchmark == before
    other = benchmark(out, runners=["rten"], options=SHORT)
    assert [row.kind for row in other.failures] == [Kind.USAGE]


@needs_ort
@pytest.mark.parametrize("cut", [0, 30, -1])
def test_a_cut_target_is_bad_input(tiny: Artifact, cut: int) -> None:
    out = prepare(tiny.onnx, runner="ort").output
    out.write_bytes(out.read_bytes()[:cut])
    assert benchmark(out, options=SHORT).exit_code is ExitCode.BAD_INPUT


def test_the_verb_is_public() -> None:
    assert oxidizedvision.prepare is prepare
    assert oxidizedvision.PrepareResult is PrepareResult


@needs_ort
def test_what_was_prepared_from_int8_is_held_to_the_limits_of_int8(tiny: Artifact) -> None:
    model = onnx.load(tiny.onnx)
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32:  # off by more than FP32's limits and less than INT8's
            tensor.CopyFrom(numpy_helper.from_array(array * np.float32(1.01), tensor.name))
    small = tiny.onnx.with_name("tiny.int8.onnx")
    put(
        tiny.manifest,
        tiny.onnx,
        [Made("int8", "test", small, model.SerializeToString(), {}, {}, 0.0)],
    )
    result = prepare(small, runner="ort")
    assert resolve(result.output).precision == "int8"
    report = validate(result.output)
    assert [row.precision for row in report.results] == ["int8"]
    assert report.passed
    assert report.results[0].mae > report.tolerance_mae
