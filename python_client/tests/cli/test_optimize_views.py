"""What `optimize` tells of a smaller precision, and the exit code it ends with."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from oxidizedvision.cli.optimize import result_views
from oxidizedvision.cli.quantization import quantization_views
from oxidizedvision.cli.render import Facts, Table
from oxidizedvision.core.errors import ExitCode
from oxidizedvision.optimize import OptimizeResult
from oxidizedvision.quantize.report import (
    LayerSensitivity,
    QuantizationReport,
    Timing,
    Trial,
)

REPORT = QuantizationReport(
    precision="int8",
    form="static",
    engine="ort",
    kept=True,
    reason="INT8, minmax: 0.40 times FP32's time",
    metric="psnr",
    max_drop=0.2,
    fp32_metric=30.0,
    drop=0.05,
    calibration="pictures, minmax",
    samples=16,
    judged=8,
    bytes_before=4096,
    bytes_after=1024,
    weight_bytes_before=4000,
    weight_bytes_after=1000,
    int8_nodes=5,
    layers=6,
    float_layers=("conv_3",),
    trials=(
        Trial("INT8, minmax", 0, 1024, 1000, 29.95, 0.05, 4.0, True, True),
        Trial("broken", 2, failed="it cannot be loaded"),
    ),
    sensitivity=(LayerSensitivity("conv_3", "features.3", "Conv", 0.3, "float"),),
    timing=Timing(10.0, 4.0, 0.4, (0.38, 0.42), "faster", 2),
    notes=("the opset was raised from 12 to 13",),
)
RESULT = OptimizeResult(
    model=Path("m.onnx"),
    output=Path("m.int8.onnx"),
    nodes_before=9,
    nodes_after=5,
    operators_before={"Conv": 5, "Identity": 4},
    operators_after={"Conv": 5},
    bytes_before=4096,
    bytes_after=1024,
    max_error=0.0,
    kept=True,
    reason="9 nodes became 5",
    seconds=1.0,
    precision="int8",
    quantization=REPORT,
)


def texts(views: list[Any]) -> str:
    """Everything that is shown, as one text."""
    found = []
    for view in views:
        if isinstance(view, Facts):
            found += [f"{name}: {value}" for name, value in view.pairs]
        elif isinstance(view, Table):
            found += [" | ".join(row) for row in view.rows]
        else:
            found.append(str(view))
    return "\n".join(found)


def test_every_trial_layer_and_figure_is_told() -> None:
    shown = texts(quantization_views(REPORT))
    assert "drop: 0.05" in shown
    assert "layers in float: 1 of 6" in shown
    assert "nodes in INT8: 5, by ort's own graph" in shown
    assert "measured on: 8 inputs" in shown
    assert "FP32 10.00 ms, INT8 4.00 ms: 0.40 times (0.38 to 0.42)" in shown
    assert "keeps the budget, Pareto" in shown
    assert "broken | failed" in shown
    assert "it cannot be loaded" in shown
    assert "features.3 (conv_3) | Conv | 0.3 | float" in shown
    assert "the opset was raised from 12 to 13" in shown
    assert shown.endswith("INT8 kept: INT8, minmax: 0.40 times FP32's time")


def test_short_times_have_three_digits() -> None:
    quick = Timing(0.0213, 0.0185, 0.87, (0.65, 1.18), "no significant difference", 1)
    shown = texts(quantization_views(dataclasses.replace(REPORT, timing=quick)))
    assert "FP32 0.0213 ms, INT8 0.0185 ms: 0.87 times (0.65 to 1.18)" in shown


def test_fp16_tells_nothing_of_calibration_or_int8() -> None:
    half = dataclasses.replace(REPORT, precision="fp16", int8_nodes=0, samples=40)
    shown = texts(quantization_views(half))
    assert "calibrated on" not in shown
    assert "nodes in INT8" not in shown
    assert "FP16 4.00 ms" in shown


@pytest.mark.parametrize(("judged", "warned"), [(8, True), (200, False)])
def test_top1_on_few_inputs_is_warned_of(judged: int, warned: bool) -> None:
    few = dataclasses.replace(REPORT, metric="top1", max_drop=0.01, judged=judged)
    assert ("one answer of 8 inputs is 0.125" in texts(quantization_views(few))) == warned


def test_what_the_simplifier_did_is_named_as_its_own() -> None:
    shown = texts(result_views(dataclasses.replace(RESULT, kept=False, reason="nothing to remove")))
    assert "simplified: no, the graph stays as it was: nothing to remove" in shown
    assert "error of simplifying: 0" in shown
    assert "\nkept:" not in shown


def test_a_refusal_is_loud_and_ends_with_3() -> None:
    refused = dataclasses.replace(REPORT, kept=False, reason="too slow", timing=None)
    result = dataclasses.replace(RESULT, quantization=refused, precision="fp32")
    assert result.exit_code is ExitCode.CHECK_FAILED
    assert RESULT.exit_code is ExitCode.DONE
    assert texts(result_views(result)).endswith("INT8 REFUSED: too slow")


@pytest.mark.parametrize(("dry_run", "says"), [(True, "m.int8.onnx (not written)"), (False, "")])
def test_a_dry_run_says_that_nothing_was_written(dry_run: bool, says: str) -> None:
    shown = texts(result_views(dataclasses.replace(RESULT, dry_run=dry_run)))
    assert says in shown
    assert ("(not written)" in shown) == dry_run
