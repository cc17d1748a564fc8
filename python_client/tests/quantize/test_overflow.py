"""Nodes whose values FP16 does not have are found, named and left in float."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oxidizedvision.optimize import QuantizeOptions, optimize
from oxidizedvision.quantize.report import Timing
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


@pytest.mark.parametrize(("scale", "found"), [(1e5, {"detour", "kept", "back"}), (10.0, set())])
def test_what_overflows_stays_in_float(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: float, found: set[str]
) -> None:
    def timed(*_: Any) -> Timing:
        return Timing(1.0, 0.5, 0.5, (0.5, 0.5), "faster", 1)

    monkeypatch.setattr(importlib.import_module("oxidizedvision.quantize.verb"), "timed", timed)
    result = optimize(
        network(tmp_path / "net.onnx", scale),
        quantize="fp16",
        simplify=False,
        constant_folding=False,
        quantization=QuantizeOptions(engine=ENGINE),
    )
    report = result.quantization
    assert report is not None
    assert report.kept
    assert report.drop is not None
    assert report.drop < 1e-3
    computing = next(trial for trial in report.trials if trial.name == "FP16")
    assert computing.keeps
    assert computing.float_layers == len(found)
    assert {note.partition(" takes or gives ")[0] for note in report.notes} == found
