"""A smaller precision that breaks the budget, is no gain or cannot be judged is refused."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from smaller import ENGINE, int8, needs_engine

from oxidizedvision.config import BudgetConfig, CalibrationConfig
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.manifest import find_manifest, load_manifest
from oxidizedvision.optimize import QuantizeOptions, optimize

pytestmark = needs_engine


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


def test_what_is_slower_by_less_than_the_noise_floor_is_refused_too(
    project: Path, verdict: dict[str, float]
) -> None:
    verdict.update(quantised=1.02, weights=1.02)
    refused = int8(project)
    assert refused.exit_code is ExitCode.CHECK_FAILED
    assert refused.quantization is not None
    assert "it takes 1.02 times as long as FP32" in refused.quantization.reason


def test_a_refusal_leaves_what_was_kept_before(project: Path, verdict: dict[str, float]) -> None:
    kept = int8(project)
    content = kept.output.read_bytes()
    assert kept.output.name == "denoiser.int8.onnx"
    verdict.update(quantised=1.4, weights=1.2)
    refused = int8(project)
    assert refused.exit_code is ExitCode.CHECK_FAILED
    assert kept.output.read_bytes() == content
    manifest = find_manifest(kept.output)
    assert manifest is not None
    stages = load_manifest(manifest).stages
    assert kept.output.name in {stage.output.file for stage in stages}


def test_what_is_not_smaller_is_refused_and_may_be_forced(
    tmp_path: Path, verdict: dict[str, float]
) -> None:
    """Without weights there are only Casts to add."""
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in "xy"
    ]
    nodes = [
        onnx.helper.make_node("Relu", ["x"], ["a"], "relu"),
        onnx.helper.make_node("Neg", ["a"], ["y"], "neg"),
    ]
    graph = onnx.helper.make_graph(nodes, "g", values[:1], values[1:])
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "relu.onnx"
    )
    refused = optimize(
        tmp_path / "relu.onnx", quantize="fp16", quantization=QuantizeOptions(engine=ENGINE)
    )
    assert refused.exit_code is ExitCode.CHECK_FAILED
    assert refused.quantization is not None
    assert "FP16: it is not smaller than FP32" in refused.quantization.reason
    assert not (tmp_path / "relu.fp16.onnx").exists()
    options = QuantizeOptions(engine=ENGINE, force=True)
    forced = optimize(tmp_path / "relu.onnx", quantize="fp16", quantization=options)
    assert forced.quantization is not None
    assert forced.quantization.kept


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


def test_a_quantised_model_and_nan_weights(project: Path, verdict: dict[str, float]) -> None:
    first = int8(project)
    with pytest.raises(OxidizedVisionError, match="quantised already") as caught:
        optimize(
            first.output,
            quantize="int8",
            quantization=QuantizeOptions(engine=ENGINE, calibration=CalibrationConfig(random=True)),
        )
    assert caught.value.kind is Kind.UNSUPPORTED
