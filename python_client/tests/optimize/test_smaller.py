"""INT8 and FP16 of the trained denoiser: within the budget, on a real engine, or refused."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from oxidizedvision.config import BudgetConfig, CalibrationConfig
from oxidizedvision.convert import convert
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.onnx_notes import MODULE, note_of
from oxidizedvision.optimize import OptimizeResult, QuantizeOptions, optimize
from oxidizedvision.quantize.report import Timing
from oxidizedvision.runners.table import availability, load

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "denoiser"
ENGINE = "ort"
PAIRS = """
import numpy as np
import skimage.data

def pairs():
    generator = np.random.default_rng(0)
    for name in ("astronaut", "coffee", "chelsea"):
        picture = getattr(skimage.data, name)()[100:228, 60:188, :3].astype(np.float32) / 255
        for left in (0, 64):
            clean = picture[:64, left : left + 64].transpose(2, 0, 1)[None]
            noise = generator.normal(0, 25 / 255, clean.shape)
            yield np.clip(clean + noise, 0, 1), clean

def inputs():
    for noisy, _ in pairs():
        yield noisy

def negative_error(expected, got):
    return -float(np.abs(expected["output"] - got["output"]).mean())

def raising(expected, got):
    raise ValueError("no such metric")
"""

pytestmark = pytest.mark.skipif(not availability(ENGINE).ready, reason=f"{ENGINE} is not here")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("denoiser")
    shutil.copytree(EXAMPLE, folder / "project", dirs_exist_ok=True)
    project = folder / "project"
    text = (
        (project / "config.yml")
        .read_text()
        .replace("output_dir: out", f"output_dir: {project}/out")
    )
    (project / "config.yml").write_text(text)
    (project / "pairs.py").write_text(PAIRS)
    convert(project / "config.yml")
    return project


@pytest.fixture
def project(converted: Path, tmp_path: Path) -> Path:
    shutil.copytree(converted, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the harness, which has tests of its own, is to find: by whether a node is quantised."""
    given = {"quantised": 0.5, "weights": 1.0}

    def timed(request: Any, small: bytes, shapes: Any, notify: Any) -> Timing:
        del request, shapes, notify
        nodes = {node.op_type for node in onnx.load_model_from_string(small).graph.node}
        ratio = given[
            "quantised" if {"QuantizeLinear", "DynamicQuantizeLinear"} & nodes else "weights"
        ]
        verdict = (
            "faster" if ratio < 0.97 else "slower" if ratio > 1.03 else "no significant difference"
        )
        return Timing(10.0, 10.0 * ratio, ratio, (ratio, ratio), verdict, 1)

    monkeypatch.setattr(importlib.import_module("oxidizedvision.quantize.verb"), "timed", timed)
    return given


def int8(
    project: Path, *, metric: str = "psnr", max_drop: float = 0.2, **more: Any
) -> OptimizeResult:
    method = more.pop("method", "percentile")
    options = QuantizeOptions(
        engine=more.pop("engine", ENGINE),
        threads=1,
        calibration=CalibrationConfig(
            data=more.pop("data", "pairs.py:pairs"), method=method, **more.pop("calibration", {})
        ),
        budget=BudgetConfig(metric=metric, max_drop=max_drop),
        folder=project,
        force=more.pop("force", False),
    )
    return optimize(
        project / "out" / "denoiser.onnx",
        quantize=more.pop("quantize", "int8"),
        quantization=options,
        **more,
    )


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


def test_a_tight_budget_restores_the_worst_layers(project: Path, verdict: dict[str, float]) -> None:
    """Judged on a drop that all layers together break."""
    alone = {"metric": "sqnr", "data": "pairs.py:inputs"}
    loose = int8(project, **alone, max_drop=60, dry_run=True).quantization
    assert loose is not None
    # Which of the whole forms is the faster one differs from run to run.
    whole = [trial.drop for trial in loose.trials if trial.name.startswith("INT8")]
    wanted = min(drop for drop in whole if drop is not None) - 3
    result = int8(project, **alone, max_drop=wanted)
    report = result.quantization
    assert report is not None
    assert report.kept
    assert report.drop is not None
    assert report.drop <= wanted
    assert 0 < len(report.float_layers) < report.layers
    assert {row.layer for row in report.sensitivity if row.state == "float"} == set(
        report.float_layers
    )
    drops = [row.drop for row in report.sensitivity]
    assert drops == sorted(drops, reverse=True)
    assert {row.module for row in report.sensitivity} >= {"noise.0", "noise.10"}
    assert report.weight_bytes_after < report.weight_bytes_before


def test_what_is_slower_is_refused_and_may_be_forced(
    project: Path, verdict: dict[str, float]
) -> None:
    verdict.update(quantised=1.4, weights=1.2)
    refused = int8(project)
    assert refused.exit_code is ExitCode.CHECK_FAILED
    assert refused.quantization is not None
    assert "it takes 1.40 times as long as FP32" in refused.quantization.reason
    assert not (project / "out" / "denoiser.int8.onnx").exists()
    assert refused.output.name == "denoiser.optimized.onnx"
    forced = int8(project, force=True)
    assert forced.exit_code is ExitCode.DONE
    assert forced.quantization is not None
    assert forced.quantization.reason.startswith("forced, though")
    assert forced.output.exists()


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


def test_a_budget_that_nothing_keeps(project: Path, verdict: dict[str, float]) -> None:
    verdict.update(weights=1.4)
    report = int8(project, metric="sqnr", data="pairs.py:inputs", max_drop=0).quantization
    assert report is not None
    assert not report.kept
    assert (
        "no form keeps sqnr within 0 of FP32" in report.reason or "times as long" in report.reason
    )


def test_psnr_needs_something_to_compare_with(project: Path) -> None:
    options = QuantizeOptions(
        engine=ENGINE,
        calibration=CalibrationConfig(random=True),
        budget=BudgetConfig(metric="psnr"),
    )
    with pytest.raises(OxidizedVisionError, match=r"budget.reference|nothing tells") as caught:
        optimize(project / "out" / "denoiser.onnx", quantize="int8", quantization=options)
    assert caught.value.kind is Kind.CONFIG


def test_random_calibration_is_told(project: Path, verdict: dict[str, float]) -> None:
    options = QuantizeOptions(
        engine=ENGINE,
        calibration=CalibrationConfig(random=True, method="minmax", samples=4),
        budget=BudgetConfig(max_drop=1.0),
    )
    result = optimize(project / "out" / "denoiser.onnx", quantize="int8", quantization=options)
    assert result.quantization is not None
    assert "random numbers" in result.quantization.calibration


def test_a_quantised_model_and_nan_weights(project: Path, verdict: dict[str, float]) -> None:
    first = int8(project)
    with pytest.raises(OxidizedVisionError, match="quantised already") as caught:
        optimize(
            first.output,
            quantize="int8",
            quantization=QuantizeOptions(engine=ENGINE, calibration=CalibrationConfig(random=True)),
        )
    assert caught.value.kind is Kind.UNSUPPORTED
