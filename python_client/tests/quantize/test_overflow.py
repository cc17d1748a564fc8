"""Nodes whose values FP16 does not have are found, named and left in float."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oxidizedvision.config import CalibrationConfig
from oxidizedvision.optimize import QuantizeOptions, optimize
from oxidizedvision.quantize import half
from oxidizedvision.quantize.report import QuantizationReport, Timing
from oxidizedvision.runners.table import availability

ENGINE = "ort"
pytestmark = pytest.mark.skipif(not availability(ENGINE).ready, reason=f"{ENGINE} is not here")


def network(path: Path, scale: float) -> Path:
    """y = (x w * scale) / scale: nothing but the detour is beyond FP16."""
    weight = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32)
    constants = {"w": weight, "up": np.float32([scale]), "down": np.float32([1 / scale])}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "product"),
        helper.make_node("Mul", ["a", "up"], ["b"], "detour"),
        helper.make_node("Relu", ["b"], ["c"], "kept"),
        helper.make_node("Mul", ["c", "down"], ["y"], "back"),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 32]) for name in ("x", "y")
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    return path


@pytest.fixture(autouse=True)
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the harness, which has tests of its own, is to find."""

    def timed(_: Any, forms: dict[str, bytes], *__: Any, **___: Any) -> dict[str, Timing]:
        return dict.fromkeys(forms, Timing(1.0, 0.5, 0.5, (0.5, 0.5), "faster", 1))

    monkeypatch.setattr(importlib.import_module("oxidizedvision.quantize.choice"), "timed", timed)


def report_of(model: Path, **options: Any) -> QuantizationReport:
    result = optimize(
        model,
        quantize="fp16",
        simplify=False,
        constant_folding=False,
        quantization=QuantizeOptions(engine=ENGINE, **options),
    )
    assert result.quantization is not None
    return result.quantization


def in_float(report: QuantizationReport) -> set[str]:
    return {note.partition(" takes or gives ")[0] for note in report.notes}


@pytest.mark.parametrize(
    ("scale", "found"),
    # At 3e3 the largest value is at 0.9 of FP16's range, which is too near; at 1e3 at 0.3.
    [(1e5, {"detour", "kept", "back"}), (3e3, {"detour", "kept", "back"}), (1e3, set())],
)
def test_what_overflows_stays_in_float(tmp_path: Path, scale: float, found: set[str]) -> None:
    report = report_of(network(tmp_path / "net.onnx", scale))
    assert report.kept
    assert report.drop is not None
    assert report.drop < 1e-3
    computing = next(trial for trial in report.trials if trial.name == "FP16")
    assert computing.keeps
    assert computing.float_layers == len(found)
    assert in_float(report) == found


@pytest.mark.parametrize(("verdict", "said"), [("faster", "it stays"), ("slower", "would have")])
def test_what_is_said_of_them_is_true_of_what_came_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, said: str
) -> None:
    def timed(_: object, forms: Iterable[str], *__: object, **___: object) -> dict[str, Timing]:
        verdicts = {name: verdict if name == "FP16" else "slower" for name in forms}
        return {name: Timing(1.0, 1.0, 1.0, (1.0, 1.0), it, 1) for name, it in verdicts.items()}

    monkeypatch.setattr(importlib.import_module("oxidizedvision.quantize.choice"), "timed", timed)
    report = report_of(network(tmp_path / "net.onnx", 1e6))
    assert report.kept == (verdict == "faster")
    assert len(report.notes) == 3
    assert all(said in note for note in report.notes)


@pytest.mark.parametrize("large", [0, 2], ids=["first", "last"])
def test_one_input_that_overflows_is_enough(tmp_path: Path, large: int) -> None:
    rows = np.random.default_rng(1).standard_normal((3, 2, 32)).astype(np.float32) / 1000
    rows[large] *= 1000
    np.save(tmp_path / "inputs.npy", rows.reshape(6, 32))
    report = report_of(
        network(tmp_path / "net.onnx", 1e4),
        calibration=CalibrationConfig(data="inputs.npy"),
        folder=tmp_path,
    )
    assert in_float(report) == {"detour", "kept", "back"}


@pytest.mark.parametrize(
    ("nodes", "named"),
    [
        ([helper.make_node("Relu", ["x"], ["y"], "only")], {}),
        ([helper.make_node("Mul", ["x", "up"], ["y"], "last")], {"last"}),
    ],
)
def test_what_only_inputs_and_outputs_hold_is_measured_too(
    tmp_path: Path, nodes: list[Any], named: set[str]
) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 8]) for name in ("x", "y")]
    up = numpy_helper.from_array(np.float32([1e5]), "up")
    model = helper.make_model(
        helper.make_graph(nodes, "g", values[:1], values[1:], [up] if named else []),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, tmp_path / "net.onnx")
    largest = half.largest_values(tmp_path / "net.onnx", {"x": np.full((2, 8), 2, np.float32)})
    assert largest == {nodes[0].name: 2e5 if named else 2}
    assert in_float(report_of(tmp_path / "net.onnx")) == set(named)
