"""INT8 and FP16 of the trained denoiser: within the budget, on a real engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from smaller import ENGINE, int8, needs_engine

from oxidizedvision.config import BudgetConfig, CalibrationConfig
from oxidizedvision.core.errors import ExitCode, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.onnx_notes import MODULE, note_of
from oxidizedvision.optimize import QuantizeOptions, optimize
from oxidizedvision.runners.table import availability, load

pytestmark = needs_engine


def test_the_whole_way_with_the_real_clock(project: Path) -> None:
    result = int8(project, metric="cosine", max_drop=0.5)
    report = result.quantization
    assert report is not None
    assert report.timing is not None
    assert report.timing.ratio > 0
    assert report.kept == (result.precision == "int8")


def test_a_file_without_a_manifest_is_timed_on_the_shapes_that_it_is_judged_on(
    project: Path,
) -> None:
    alone = project / "alone"
    alone.mkdir()
    model = onnx.load(project / "out" / "denoiser.onnx")
    del model.metadata_props[:]
    for axis, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(model, alone / "foreign.onnx")
    options = QuantizeOptions(
        engine=ENGINE,
        threads=1,
        calibration=CalibrationConfig(data="pairs.py:inputs", method="minmax"),
        budget=BudgetConfig(metric="cosine", max_drop=0.5),
        folder=project,
    )
    result = optimize(alone / "foreign.onnx", quantize="int8", quantization=options)
    assert result.quantization is not None
    assert result.quantization.timing is not None


def test_int8_of_a_trained_model_keeps_the_budget(project: Path, verdict: dict[str, float]) -> None:
    result = int8(project)
    report = result.quantization
    assert report is not None
    assert (report.kept, report.form, report.precision) == (True, "static", "int8")
    assert result.exit_code is ExitCode.DONE
    assert report.drop is not None
    assert 0 <= report.drop <= 0.2
    assert report.weight_bytes_after <= 0.27 * report.weight_bytes_before
    assert report.int8_nodes == report.layers == 6
    manifest = load_manifest(project / "out" / "denoiser.oxv.json")
    assert [stage.name for stage in manifest.stages][-2:] == ["optimize", "int8"]
    assert manifest.head("onnx").file == result.output.name == "denoiser.int8.onnx"
    after = onnx.load(result.output)
    assert after.metadata_props == onnx.load(result.model).metadata_props
    assert {"noise.0", "noise.10"} <= {note_of(node, MODULE) for node in after.graph.node}
    assert {entry.domain for entry in after.opset_import} == {""}
    picture = np.random.default_rng(1).random((1, 3, 40, 56), np.float32)
    with load(result.model, runner=ENGINE) as old, load(result.output, runner=ENGINE) as new:
        assert np.abs(old.run(picture) - new.run(picture)).max() < 0.1
        assert not np.array_equal(old.run(picture), new.run(picture))


def test_small_weights_alone_where_int8_is_slower(project: Path, verdict: dict[str, float]) -> None:
    verdict.update(quantised=1.4)
    result = int8(project)
    report = result.quantization
    assert report is not None
    assert (report.kept, report.form) == (True, "weights")
    assert {"QuantizeLinear"}.isdisjoint(
        node.op_type for node in onnx.load(result.output).graph.node
    )


@pytest.mark.parametrize("engine", ["tract", "rten", "openvino"])
def test_the_engine_that_will_run_it_judges(
    project: Path, verdict: dict[str, float], engine: str
) -> None:
    if not availability(engine).ready:
        pytest.skip(f"{engine} is not here")
    report = int8(project, engine=engine, dry_run=True).quantization
    assert report is not None
    assert (report.kept, report.engine) == (True, engine)
    assert all(not trial.failed for trial in report.trials)
    assert report.int8_nodes == (6 if engine == "openvino" else None)


def test_fp16_and_dynamic(project: Path, verdict: dict[str, float]) -> None:
    half = int8(project, quantize="fp16", metric="cosine", max_drop=0.001)
    assert half.quantization is not None
    assert half.quantization.kept
    assert half.quantization.weight_bytes_after <= 0.51 * half.quantization.weight_bytes_before
    assert half.output.name == "denoiser.fp16.onnx"
    dynamic = int8(project, quantize="int8-dynamic", metric="cosine", max_drop=0.01)
    assert dynamic.quantization is not None
    assert dynamic.quantization.form == "dynamic"
    stages = [stage.name for stage in load_manifest(project / "out" / "denoiser.oxv.json").stages]
    assert stages[-3:] == ["optimize", "fp16", "int8"]


def test_a_metric_of_the_users(project: Path, verdict: dict[str, float]) -> None:
    report = int8(project, metric="pairs.py:negative_error", max_drop=0.01).quantization
    assert report is not None
    assert report.kept
    assert report.fp32_metric is not None
    assert report.fp32_metric < 0
    with pytest.raises(OxidizedVisionError, match="no such metric"):
        int8(project, metric="pairs.py:raising")


def test_random_calibration_is_told(project: Path, verdict: dict[str, float]) -> None:
    options = QuantizeOptions(
        engine=ENGINE,
        calibration=CalibrationConfig(random=True, method="minmax", samples=4),
        budget=BudgetConfig(max_drop=1.0),
    )
    result = optimize(project / "out" / "denoiser.onnx", quantize="int8", quantization=options)
    assert result.quantization is not None
    assert "random numbers" in result.quantization.calibration
