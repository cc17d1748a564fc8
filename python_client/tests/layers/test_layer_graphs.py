"""Parts of a graph compute what the whole computes there."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from made_graphs import half, network, picture, quantised
from onnx import TensorProto, helper

from oxidizedvision.layers import REFERENCE
from oxidizedvision.layers.graph import GIVEN, Graph
from oxidizedvision.layers.meeting import meetings
from oxidizedvision.layers.noise import (
    precision_of,
    shaken,
    with_coarse_values,
)
from oxidizedvision.onnx_graph import rename, uses


def test_layers_side_by_side_give_what_the_whole_gives() -> None:
    graph = Graph(network())
    (whole,) = REFERENCE.answers(graph.with_outputs(graph.tensors), [picture()])
    given = {**whole, **picture()}
    model = graph.cut(graph.tensors, {*given})
    case = {v.name: given[v.name.removeprefix(GIVEN)] for v in model.graph.input}
    (apart,) = REFERENCE.answers(model, [case])
    assert apart.keys() == whole.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(apart[name], array)


def test_a_part_takes_its_edges_and_gives_what_others_read() -> None:
    graph = Graph(network())
    model = graph.part([graph.producers["c2"], graph.producers["m2"]])
    assert [value.name for value in model.graph.input] == ["r1"]
    assert [value.name for value in model.graph.output] == ["m2"]
    assert {tensor.name for tensor in model.graph.initializer} == {"w2", "factor"}
    onnx.checker.check_model(model, full_check=True)


def test_what_follows_from_shapes_is_static_and_becomes_constant() -> None:
    reshaped = network()
    nodes = [
        helper.make_node("Shape", ["flat"], ["shape"]),
        helper.make_node("Reshape", ["flat", "shape"], ["again"]),
    ]
    place = len(reshaped.graph.node) - 1
    reshaped.graph.node[place].input[0] = "again"
    for number, node in enumerate(nodes):
        reshaped.graph.node.insert(place + number, node)
    graph = Graph(reshaped)
    assert graph.static == {"shape"}
    assert graph.static_edges == ("shape",)
    assert "shape" not in graph.tensors
    folded = graph.folded({"shape": np.array([1, 8], np.int64)})
    assert "Shape" not in {node.op_type for node in folded.nodes}
    (before,) = REFERENCE.answers(graph.with_outputs(["scores"]), [picture()])
    (after,) = REFERENCE.answers(folded.with_outputs(["scores"]), [picture()])
    np.testing.assert_array_equal(before["scores"], after["scores"])


def conditional() -> Any:
    """A node whose branches read a tensor from around them, and one of their own."""
    branches = {}
    for key, op_type in (("then_branch", "Relu"), ("else_branch", "Neg")):
        inner = helper.make_node(op_type, ["outside"], ["inside"])
        output = helper.make_tensor_value_info("inside", TensorProto.FLOAT, [2])
        branches[key] = helper.make_graph([inner], key, [], [output])
    return helper.make_node("If", ["which"], ["chosen"], **branches)


def test_branches_read_from_around_them() -> None:
    node = conditional()
    assert [*dict.fromkeys(uses(node))] == ["which", "outside"]
    rename(node, {"outside": "other", "inside": "never"})
    assert [*dict.fromkeys(uses(node))] == ["which", "other"]


def test_tensors_meet_behind_rounding_steps() -> None:
    clean = Graph(network())
    known = {*clean.tensors, "picture"}
    rounded = Graph(quantised(network(), {"picture": (-3, 3), "r1": (0, 3)}))
    met = meetings(clean, rounded, known)
    assert met["r1_DequantizeLinear_Output"] == "r1"
    assert met["picture_DequantizeLinear_Output"] == "picture"
    assert "r1_QuantizeLinear_Output" not in met
    assert met["c1"] == "c1"
    cast = meetings(clean, Graph(half(network())), known)
    assert cast["picture_cast"] == "picture"
    assert cast["c1"] == "c1"


def test_precisions_are_told_apart() -> None:
    for model, wanted in (
        (network(), "fp32"),
        (half(network()), "fp16"),
        (quantised(network(), {"r1": (0, 3)}), "int8"),
    ):
        graph = Graph(model)
        assert precision_of(graph.nodes, graph) == wanted


def test_shaking_moves_a_value_by_less_than_a_step() -> None:
    values = np.linspace(-4, 12, 1001, dtype=np.float32)
    for precision, step in (("fp32", 2.0**-23), ("fp16", 2.0**-10)):
        moved = np.abs(shaken(values, precision, "x") - values)  # type: ignore[arg-type]
        assert 0 < moved.max() <= 2 * step * 12
    moved = np.abs(shaken(values, "int8", "x") - values)
    assert 0 < moved.max() <= 0.5 * 16 / 255 * 1.001
    np.testing.assert_array_equal(shaken(values, "fp32", "x"), shaken(values, "fp32", "x"))
    np.testing.assert_array_equal(shaken(np.arange(3), "fp32", "x"), np.arange(3))


def test_a_model_at_its_best_in_a_coarse_precision_is_near() -> None:
    graph = Graph(network())
    (exact,) = REFERENCE.answers(graph.with_outputs(["scores"]), [picture()])
    off = {}
    for precision in ("fp16", "int8"):
        model = with_coarse_values(graph.with_outputs(["scores"]), precision, graph.tensors)  # type: ignore[arg-type]
        (coarse,) = REFERENCE.answers(model, [picture()])
        error = np.abs(coarse["scores"] - exact["scores"]).max()
        off[precision] = error / np.abs(exact["scores"]).max()
    assert 0 < off["fp16"] < 0.01
    assert off["fp16"] < off["int8"] < 0.2
