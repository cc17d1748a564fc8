"""Small weights are what the weights were, to half a step, and the graph stays a valid one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.quantize import graphs, half

GENERATOR = np.random.default_rng(0)


def model_of(
    nodes: list[Any], constants: Mapping[str, Any], shape: list[Any], opset: int = 13
) -> onnx.ModelProto:
    values = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(shape)),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def normal(*shape: int) -> Any:
    return GENERATOR.standard_normal(shape).astype(np.float32)


def run(model: onnx.ModelProto, x: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x": x})[0]


LAYERS = {
    "Conv": (helper.make_node("Conv", ["x", "w"], ["y"], "n"), (8, 3, 3, 3), (1, 3, 9, 9)),
    "ConvTranspose": (
        helper.make_node("ConvTranspose", ["x", "w"], ["y"], "n"),
        (3, 5, 2, 2),
        (1, 3, 4, 4),
    ),
    "MatMul": (helper.make_node("MatMul", ["x", "w"], ["y"], "n"), (7, 6), (2, 7)),
    "Gemm": (helper.make_node("Gemm", ["x", "w"], ["y"], "n"), (7, 6), (2, 7)),
    "transposed Gemm": (
        helper.make_node("Gemm", ["x", "w"], ["y"], "n", transB=1),
        (6, 7),
        (2, 7),
    ),
}


OUTPUT_AXES = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1, "Gemm": 1, "transposed Gemm": 0}
"""Of the weights, along which the outputs lie."""


@pytest.mark.parametrize(("name", "axis"), OUTPUT_AXES.items())
def test_weights_in_int8_are_near_by_channel(name: str, axis: int) -> None:
    node, weight_shape, shape = LAYERS[name]
    weight = normal(*weight_shape)
    # One channel is a thousand times as large: a single scale would lose the others.
    index: list[Any] = [slice(None)] * weight.ndim
    index[axis] = 0
    weight[tuple(index)] *= 1000
    model = model_of([node], {"w": weight}, list(shape))
    x = normal(*shape)
    expected = run(model, x)
    graphs.store_int8(model)
    onnx.checker.check_model(model, full_check=True)
    (made,) = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    assert {tensor.name for tensor in model.graph.initializer} == set(made.input)
    got = run(model, x)
    channel = 1
    for number in range(expected.shape[channel]):
        wanted = np.take(expected, number, channel)
        error = np.abs(np.take(got, number, channel) - wanted).max()
        assert error < 0.02 * np.abs(wanted).max(), number
    assert graphs.weight_bytes(model.SerializeToString()) * 4 == weight.nbytes


@pytest.mark.parametrize("name", ["Conv", "MatMul", "Gemm", "transposed Gemm"])
def test_openvino_multiplies_by_floats_where_they_are_to_be_made_at_load(name: str) -> None:
    """What is stored stands for the same numbers, and only products need help for it."""
    openvino = pytest.importorskip("openvino", reason="OpenVINO is an extra")
    node, weight_shape, shape = LAYERS[name]
    models = [model_of([node], {"w": normal(*weight_shape)}, list(shape)) for _ in range(2)]
    models[1].CopyFrom(models[0])
    x = normal(*shape)
    kept, made = models
    graphs.store_int8(kept)
    graphs.store_int8(made, stored="turned")
    onnx.checker.check_model(made, full_check=True)
    assert np.array_equal(run(made, x), run(kept, x))
    assert len(made.graph.node) - len(kept.graph.node) == (name != "Conv")
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(made.SerializeToString()), "CPU", settings)
    layers = [op.get_rt_info() for op in compiled.get_runtime_model().get_ops()]
    computed = {
        str(info["runtimePrecision"].astype(str))
        for info in layers
        if str(info["layerType"].astype(str)) in {"Convolution", "FullyConnected"}
    }
    assert computed == {"f32"}


@pytest.mark.parametrize("name", LAYERS)
def test_onnxruntime_makes_cast_weights_float_when_it_loads(name: str, tmp_path: Path) -> None:
    """The same numbers and bytes of weights, and nothing is left to do in a run."""
    node, weight_shape, shape = LAYERS[name]
    weight = normal(*weight_shape)
    kept, made = (model_of([node], {"w": weight}, list(shape)) for _ in range(2))
    graphs.store_int8(kept)
    graphs.store_int8(made, stored="cast")
    onnx.checker.check_model(made, full_check=True)
    x = normal(*shape)
    assert np.array_equal(run(made, x), run(kept, x))
    assert graphs.weight_bytes(made.SerializeToString()) * 4 == weight.nbytes
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    onnxruntime.InferenceSession(made.SerializeToString(), options)
    loaded = onnx.load(tmp_path / "loaded.onnx")
    assert not {"Cast", "Mul"} & {node.op_type for node in loaded.graph.node}
    with pytest.raises(OxidizedVisionError, match="quantised already"):
        graphs.refuse(made)


@pytest.mark.parametrize(
    ("node", "shape", "sort"),
    [
        (helper.make_node("Conv", ["x", "w"], ["y"], "n"), (8, 4, 3, 3), "convolution"),
        (helper.make_node("Conv", ["x", "w"], ["y"], "n"), (64, 4, 1, 1), "narrow pointwise"),
        (helper.make_node("Conv", ["x", "w"], ["y"], "n"), (80, 64, 1, 1), "pointwise"),
        (helper.make_node("Conv", ["x", "w"], ["y"], "n", group=4), (4, 1, 3, 3), "depthwise"),
        (helper.make_node("Conv", ["x", "w"], ["y"], "n", group=2), (8, 2, 3, 3), "grouped"),
        (helper.make_node("ConvTranspose", ["x", "w"], ["y"], "n"), (4, 5, 2, 2), "transposed"),
        (helper.make_node("MatMul", ["x", "w"], ["y"], "n"), (7, 6), "product"),
    ],
)
def test_layers_are_sorted_by_the_kernel_they_need(node: Any, shape: Any, sort: str) -> None:
    model = model_of([node], {"w": normal(*shape)}, [1, 4, 9, 9])
    (layer,) = graphs.layers(graphs.with_names(model))
    assert layer["sort"] == sort


def test_weights_that_are_constant_nodes_are_weights() -> None:
    weight = normal(7, 6)
    made = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(weight))
    model = model_of([made, LAYERS["MatMul"][0]], {}, [2, 7])
    assert graphs.weight_bytes(model.SerializeToString()) == weight.nbytes
    x = normal(2, 7)
    expected = run(model, x)
    (layer,) = graphs.layers(graphs.with_names(model))
    assert layer["weight_bytes"] == weight.nbytes
    assert np.array_equal(run(model, x), expected)
    weight[0, 0] = np.nan
    made.attribute[0].t.CopyFrom(numpy_helper.from_array(weight))
    broken = model_of([made, LAYERS["MatMul"][0]], {}, [2, 7])
    with pytest.raises(OxidizedVisionError, match="The weight w holds NaN"):
        graphs.with_names(broken)


def test_a_weight_that_two_nodes_share_is_stored_once() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "first"),
        helper.make_node("MatMul", ["a", "w"], ["y"], "second"),
    ]
    model = model_of(nodes, {"w": normal(4, 4)}, [1, 4])
    graphs.store_int8(model)
    assert [node.op_type for node in model.graph.node] == ["DequantizeLinear", "MatMul", "MatMul"]
    only = model_of([nodes[0], helper.make_node("Relu", ["a"], ["y"])], {"w": normal(4, 4)}, [1, 4])
    graphs.store_int8(only, only={"another"})
    assert "DequantizeLinear" not in {node.op_type for node in only.graph.node}


def test_weights_in_fp16_and_what_does_not_fit_into_it() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "first"),
        helper.make_node("MatMul", ["a", "huge"], ["b"], "second"),
        helper.make_node("Mul", ["b", "small"], ["y"], "third"),
    ]
    constants = {"w": normal(8, 8), "huge": normal(8, 8) * 1e6, "small": normal(8)}
    model = model_of(nodes, constants, [1, 8])
    x = normal(1, 8)
    expected = run(model, x)
    before = model.ByteSize()
    half.store_fp16(model)
    assert model.ByteSize() < before
    onnx.checker.check_model(model, full_check=True)
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert kinds == {
        "w_stored": TensorProto.FLOAT16,
        "huge": TensorProto.FLOAT,
        "small": TensorProto.FLOAT,
    }
    np.testing.assert_allclose(
        run(model, x), expected, rtol=0.02, atol=np.abs(expected).max() / 500
    )


def test_a_smaller_model_has_the_contract_but_no_shapes_of_inner_tensors() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["y"], "second"),
    ]
    model = onnx.shape_inference.infer_shapes(model_of(nodes, {"w": normal(8, 8)}, [1, 8]))
    model.metadata_props.add(key="oxv.preprocess", value="{}")
    made = graphs.copy_of(model)
    assert made.graph.value_info
    graphs.store_int8(made)
    graphs.finish(model, made, "int8")
    assert not made.graph.value_info
    assert [entry.key for entry in made.metadata_props] == ["oxv.preprocess"]
    onnx.checker.check_model(made, full_check=True)


def test_computing_in_fp16_gives_a_valid_model_with_float_ends() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "second"),
        helper.make_node("MatMul", ["b", "w"], ["y"], "third"),
    ]
    model = model_of(nodes, {"w": normal(8, 8)}, [1, 8])
    x = normal(1, 8)
    made = half.compute_fp16(graphs.copy_of(model), ["third"])
    onnx.checker.check_model(made, full_check=True)
    ends = [*made.graph.input, *made.graph.output]
    assert {value.type.tensor_type.elem_type for value in ends} == {TensorProto.FLOAT}
    np.testing.assert_allclose(run(made, x), run(model, x), rtol=0.02, atol=0.05)


def test_the_largest_value_of_each_node(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Mul", ["x", "k"], ["a"], "grows"),
        helper.make_node("Sigmoid", ["a"], ["y"], "bounded"),
    ]
    onnx.save(model_of(nodes, {"k": np.float32([1e5])}, [1, 2]), tmp_path / "m.onnx")
    found = half.largest_values(tmp_path / "m.onnx", {"x": np.float32([[1, -3]])})
    assert found["grows"] == pytest.approx(3e5)
    assert found["bounded"] == pytest.approx(3e5)


def test_models_that_cannot_become_smaller() -> None:
    weight = normal(4, 4)
    weight[1, 2] = np.nan
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": weight}, [1, 4])
    with pytest.raises(OxidizedVisionError, match="The weight w holds NaN") as caught:
        graphs.refuse(model)
    assert caught.value.kind is Kind.INPUT
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "n")], {"w": normal(4, 4)}, [1, 4]
    )
    graphs.store_int8(model)
    with pytest.raises(OxidizedVisionError, match=r"quantised already: node .* DequantizeLinear"):
        graphs.refuse(model)


def test_an_old_opset_is_raised_and_said() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Squeeze", ["a"], ["y"], axes=[0]),
    ]
    model = model_of(nodes, {"w": normal(4, 4)}, [1, 4], opset=11)
    raised, note = graphs.raised_opset(model)
    assert note == "the opset was raised from 11 to 13"
    x = normal(1, 4)
    np.testing.assert_array_equal(run(raised, x), run(model, x))
    assert graphs.raised_opset(raised) == (raised, "")


def test_nodes_without_a_name_of_their_own_get_one() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("MatMul", ["a", "w"], ["b"], "same"),
        helper.make_node("MatMul", ["b", "w"], ["y"], "same"),
    ]
    model = graphs.with_names(model_of(nodes, {"w": normal(4, 4)}, [1, 4]))
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == 3
    assert all(names)
    assert [layer["name"] for layer in graphs.layers(model)] == names[1:]
