"""Constants of ONNX graphs in one form, and names that stay what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from oxidizedvision.layers.graph import Graph
from oxidizedvision.onnx_file import Session
from oxidizedvision.onnx_graph import captured, constants_to_initializers, drop_copies
from oxidizedvision.profile.graph.load import load_graph

X = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
GIVEN = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)


def model_of(nodes: list[Any], weights: dict[str, Any] | None = None) -> ModelProto:
    """A model from `x` to `y`."""
    given = [
        numpy_helper.from_array(np.asarray(value, np.float32), name)
        for name, value in (weights or {}).items()
    ]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", "columns"])
    graph = helper.make_graph(nodes, "net", [X], [y], given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def answer(model: ModelProto) -> Any:
    return Session(model.SerializeToString(), "net").run({"x": GIVEN})["y"]


def node(op_type: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return helper.make_node(op_type, inputs, [output], name=f"/{output}", **attributes)


def constant(name: str, **value: Any) -> Any:
    return node("Constant", [], name, **value)


TENSOR = numpy_helper.from_array(np.float32([2, -1, 0.5]))


@pytest.mark.parametrize(
    "value",
    [{"value": TENSOR}, {"value_float": 1.5}, {"value_floats": [1.0, 2.0, 3.0]}],
    ids=lambda value: next(iter(value)),
)
def test_constants_become_initialisers_of_the_same_value(value: dict[str, Any]) -> None:
    model = model_of([constant("c", **value), node("Mul", ["x", "c"], "y")])
    before = answer(model)
    constants_to_initializers(model.graph)
    assert [each.op_type for each in model.graph.node] == ["Mul"]
    assert [each.name for each in model.graph.initializer] == ["c"]
    np.testing.assert_array_equal(answer(model), before)


@pytest.mark.parametrize("value", [{"value_int": -1}, {"value_ints": [3, 2]}])
def test_whole_numbers_too(value: dict[str, Any]) -> None:
    axes = [constant("one", value_ints=[1]), constant("c", **value)]
    axes += [node("Reshape", ["c", "one"], "shape")] if "value_int" in value else []
    shape = "shape" if "value_int" in value else "c"
    ends = [node("Reshape", ["x", shape], "shaped"), node("Reshape", ["shaped", "two"], "y")]
    model = model_of([constant("two", value_ints=[1, 6]), *axes, *ends])
    before = answer(model)
    constants_to_initializers(model.graph)
    assert "Constant" not in {each.op_type for each in model.graph.node}
    np.testing.assert_array_equal(answer(model), before)


def test_texts_stay_constants() -> None:
    nodes = [constant("text", value_string="a"), node("Identity", ["x"], "y")]
    model = model_of(nodes)
    constants_to_initializers(model.graph)
    assert [each.op_type for each in model.graph.node] == ["Constant", "Identity"]


def test_copies_of_copies_are_dropped_and_outputs_stay() -> None:
    nodes = [
        node("Identity", ["w"], "once"),
        node("Identity", ["once"], "twice"),
        node("Mul", ["x", "twice"], "product"),
        node("Identity", ["product"], "y"),
    ]
    model = model_of(nodes, {"w": [1, 2, 3]})
    before = answer(model)
    drop_copies(model.graph)
    assert [each.name for each in model.graph.node] == ["/product", "/y"]
    assert list(model.graph.node[0].input) == ["x", "w"]
    np.testing.assert_array_equal(answer(model), before)


def branching() -> ModelProto:
    """A branch whose own tensor has the name of a copy outside of it."""
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [2, 3])
    own = [node("Identity", ["x"], "copy"), node("Add", ["copy", "w"], "out")]
    outer = [node("Mul", ["x", "w"], "out")]
    branches = {
        "then_branch": helper.make_graph(own, "then", [], [out]),
        "else_branch": helper.make_graph(outer, "else", [], [out]),
    }
    nodes = [
        node("Identity", ["w"], "other"),
        constant("yes", value=numpy_helper.from_array(np.array(True))),
        node("If", ["yes"], "chosen", **branches),
        node("Add", ["chosen", "other"], "y"),
    ]
    return model_of(nodes, {"w": [1, 2, 3]})


def then_branch(model: ModelProto) -> Any:
    (chosen,) = [each for each in model.graph.node if each.op_type == "If"]
    return next(each.g for each in chosen.attribute if each.name == "then_branch")


def test_a_branch_keeps_its_own_names() -> None:
    model = branching()
    assert set(captured(then_branch(model))) == {"x", "w"}
    before = answer(model)
    np.testing.assert_allclose(before, GIVEN + 2 * np.float32([1, 2, 3]), rtol=1e-6)
    # Under this name a copy outside would take the place of the branch's own tensor.
    model.graph.node[0].output[0] = "copy"
    model.graph.node[3].input[1] = "copy"
    drop_copies(model.graph)
    assert [each.op_type for each in model.graph.node] == ["Constant", "If", "Add"]
    assert list(then_branch(model).node[1].input) == ["copy", "w"]
    np.testing.assert_array_equal(answer(model), before)


def test_layers_and_profiles_see_the_same_nodes(tmp_path: Path) -> None:
    nodes = [
        constant("c", value_floats=[1.0, 2.0, 3.0]),
        node("Identity", ["c"], "copy"),
        node("Mul", ["x", "copy"], "y"),
    ]
    model = model_of(nodes)
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    layers, profiled = Graph(model).nodes, load_graph(path, {}).graph.node
    assert [each.name for each in layers] == [each.name for each in profiled] == ["/y"]
