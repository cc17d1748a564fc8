"""The layer that is at fault is told from those that only pass its error on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_graphs import (
    SHAPE,
    Array,
    fused,
    half,
    network,
    one_filter,
    picture,
    quantised,
    with_attribute,
    with_weights,
    written,
)
from onnx import ModelProto, TensorProto, helper, numpy_helper

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.layers import REFERENCE, LayerReport, RunnerEngine, Side, compare
from oxidizedvision.layers.graph import Graph
from oxidizedvision.runners import availability

ENGINES = ("onnxruntime", "tract", "rten", "openvino")
TENSORS = ["c1", "r1", "c2", "m2", "r2", "sum", "norm", "pooled", "flat", "scores"]


def compared(candidate: ModelProto, *, full: bool, engine: Any = REFERENCE) -> LayerReport:
    sides = Side(network(), REFERENCE, "clean"), Side(candidate, engine, "candidate")
    return compare(*sides, picture(), full=full)


def values() -> dict[str, Array]:
    """Every tensor of the clean network."""
    graph = Graph(network())
    return REFERENCE.answers(graph.with_outputs(graph.tensors), [picture()])[0]


@pytest.mark.parametrize("full", [True, False], ids=["full", "bisect"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_clean_model_raises_no_alarm_in_any_engine(engine: str, full: bool) -> None:
    if not availability(engine).ready:
        pytest.skip(f"{engine} is not here")
    report = compared(network(), full=full, engine=RunnerEngine(engine))
    assert report.passed
    assert report.first is None
    assert report.ranked == []


def test_full_looks_at_every_layer_in_few_runs() -> None:
    report = compared(network(), full=True)
    assert [layer.tensor for layer in report.layers] == TENSORS
    assert all(layer.local is not None and layer.local.rms == 0 for layer in report.layers)
    assert report.runs <= 6
    first = report.layers[0]
    assert (first.node, first.op_type, first.module) == ("/c1", "Conv", "first.conv")


FAULTS = {
    "one filter": (one_filter(network()), "/c2"),
    "a factor": (with_weights(network(), {"factor": np.array(1.51, np.float32)}), "/m2"),
    "padding": (with_attribute(network(), "c1", "pads", [0, 1, 2, 1]), "/c1"),
    "epsilon": (with_attribute(network(), "norm", "epsilon", 1e-3), "/norm"),
}


@pytest.mark.parametrize("full", [True, False], ids=["full", "bisect"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("engine", [REFERENCE, RunnerEngine("onnxruntime")], ids=["same", "other"])
def test_a_fault_is_found(engine: RunnerEngine, fault: str, full: bool) -> None:
    model, node = FAULTS[fault]
    report = compared(model, full=full, engine=engine)
    assert report.first is not None
    assert report.first.node == node
    assert [layer.node for layer in report.ranked] == [node]
    assert not report.passed
    assert report.exit_code == 3


def test_later_layers_pass_the_error_on_and_are_not_at_fault() -> None:
    report = compared(one_filter(network()), full=True)
    later = {layer.tensor: layer for layer in report.layers}["scores"]
    assert later.accumulated is not None
    assert later.accumulated.diverges
    assert not later.faulty
    assert [output.name for output in report.moved] == ["scores"]


def test_errors_are_those_that_numpy_finds() -> None:
    report = compared(with_weights(network(), {"factor": np.array(3, np.float32)}), full=True)
    layer = {layer.tensor: layer for layer in report.layers}["m2"]
    assert layer.local is not None
    # Twice what was expected: the difference is as large as the value.
    expected = values()["m2"].astype(np.float64)
    assert layer.local.sqnr_db == pytest.approx(0.0, abs=1e-6)
    assert layer.local.rms == pytest.approx(np.sqrt(np.mean(expected**2)))
    assert layer.local.max_error == pytest.approx(np.abs(expected).max())
    assert layer.local.cosine == pytest.approx(1.0)


@pytest.mark.parametrize("full", [True, False], ids=["full", "bisect"])
def test_half_precision_is_no_fault_and_does_not_hide_one(full: bool) -> None:
    clean = compared(half(network()), full=full, engine=RunnerEngine("onnxruntime"))
    assert clean.first is None
    assert {layer.precision for layer in clean.layers} <= {"fp16"}
    bad = compared(half(one_filter(network(), factor=1.5)), full=full)
    assert bad.first is not None
    assert bad.first.node == "/c2"


RANGES = ["picture", "r1", "r2", "norm"]


def ranges() -> dict[str, tuple[float, float]]:
    found = {**values(), **picture()}
    return {name: (float(found[name].min()), float(found[name].max())) for name in RANGES}


@pytest.mark.parametrize("full", [True, False], ids=["full", "bisect"])
def test_quantising_is_no_fault_and_a_bad_scale_is(full: bool) -> None:
    clean = compared(quantised(network(), ranges()), full=full)
    assert clean.first is None
    for factor in (0.1, 30.0):
        bad = compared(quantised(network(), ranges(), {"r1": factor}), full=full)
        assert bad.ranked
        assert bad.ranked[0].stands_for == "r1"
        assert "r1_Dequantize" in bad.ranked[0].nodes


def test_one_quantised_model_against_another_shows_a_small_change_of_a_scale() -> None:
    clean = Side(quantised(network(), ranges()), REFERENCE, "clean")
    bad = Side(quantised(network(), ranges(), {"r1": 1.05}), REFERENCE, "bad")
    report = compare(clean, bad, picture(), full=True)
    assert report.first is not None
    assert report.ranked[0].node in {"r1_QuantizeLinear", "r1_Dequantize"}
    assert compare(clean, clean, picture(), full=True).passed


def reshaping(nodes: Sequence[Any], constants: Mapping[str, Sequence[int]]) -> ModelProto:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, SHAPE) for n in ("picture", "y")]
    tensors = [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "reshaping", values[:1], values[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_name_that_a_tool_kept_for_another_shape_is_no_fault() -> None:
    """The reference's shape is known only from a run, as where PyTorch exports `view`."""
    node, length = helper.make_node, SHAPE[2] * SHAPE[3]
    reference = [
        node("Shape", ["picture"], ["lengths"]),
        node("Gather", ["lengths", "swapped"], ["wanted"]),
        node("Reshape", ["picture", "wanted"], ["front"], "first"),
        node("Transpose", ["front"], ["kept"], "second", perm=[1, 0, 2, 3]),
        node("Relu", ["kept"], ["y"], "act"),
    ]
    rewritten = [
        node("Reshape", ["picture", "flat"], ["kept"], "first"),
        node("Reshape", ["kept", "whole"], ["back"], "second"),
        node("Relu", ["back"], ["y"], "act"),
    ]
    sides = (
        Side(reshaping(reference, {"swapped": (1, 0, 2, 3)}), REFERENCE, "as exported"),
        Side(
            reshaping(rewritten, {"flat": (1, SHAPE[1], length), "whole": SHAPE}),
            REFERENCE,
            "rewritten",
        ),
    )
    for full in (True, False):
        report = compare(*sides, picture(), full=full)
        assert report.first is None
        assert report.passed
        assert "kept" not in [layer.tensor for layer in report.layers]


def test_a_name_that_a_fusion_kept_for_another_value_is_no_fault() -> None:
    report = compared(fused(network()), full=True)
    assert report.first is None
    assert [layer.tensor for layer in report.layers if layer.renamed] == ["c2"]
    assert any(note.startswith("under the name of what /c2 makes") for note in report.notes)
    wrong = one_filter(fused(network()), factor=1.3)
    assert compared(wrong, full=True).first is not None


class Refusing:
    """An engine that has no LayerNormalization."""

    name = "refusing"

    def answers(self, model: ModelProto, cases: Sequence[Mapping[str, Array]]) -> Any:
        if any(node.op_type == "LayerNormalization" for node in model.graph.node):
            raise OxidizedVisionError(Kind.UNSUPPORTED, "no LayerNormalization")
        return REFERENCE.answers(model, cases)


@pytest.mark.parametrize("full", [True, False], ids=["full", "bisect"])
def test_a_candidate_that_does_not_run_is_a_finding(full: bool) -> None:
    report = compared(network(), full=full, engine=Refusing())
    assert report.failure == "no LayerNormalization"
    assert report.first is not None
    assert (report.first.node, report.first.failure) == ("/norm", "no LayerNormalization")
    assert not report.passed


def test_bad_input_is_told(tmp_path: Path) -> None:
    path = written(network(), tmp_path / "net.onnx")
    with pytest.raises(OxidizedVisionError, match="input 'picture' is missing") as caught:
        compare(path, path, {})
    assert caught.value.kind is Kind.MISSING_INPUT
    with pytest.raises(OxidizedVisionError) as caught:
        compare(path, tmp_path / "no.onnx", picture())
    assert caught.value.kind is Kind.NOT_FOUND
    with pytest.raises(OxidizedVisionError, match="no runner"):
        compare(path, path, picture(), engine="tractor")
