"""Rounding by what layers are given keeps their outputs nearer than rounding to the nearest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from oxidizedvision.quantize import graphs
from oxidizedvision.quantize.rounding import MOST_COLUMNS, Observer

GENERATOR = np.random.default_rng(5)


def layer(op_type: str, weight: tuple[int, ...], shape: list[Any], **attributes: Any) -> ModelProto:
    """One layer with a bias, where it can have one."""
    inputs = ["x", "w"] + (["b"] if op_type != "MatMul" else [])
    outputs = weight[0] if op_type == "Conv" or attributes.get("transB") else weight[1]
    arrays = {"w": weight, "b": (outputs,)}
    constants = [
        numpy_helper.from_array(GENERATOR.standard_normal(arrays[name]).astype(np.float32), name)
        for name in inputs[1:]
    ]
    node = helper.make_node(op_type, inputs, ["y"], "layer", **attributes)
    values = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(shape)),
    ]
    graph = helper.make_graph([node], "g", values[:1], values[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def run(model: ModelProto, x: Any) -> Any:
    # Else ONNX Runtime also rounds what it multiplies stored weights by.
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x": x})[0]


def observed(model: ModelProto, folder: Path, inputs: list[Any]) -> Observer:
    onnx.save(model, folder / "model.onnx")
    observer = Observer(folder / "model.onnx", graphs.constant_layers(model))
    for x in inputs:
        observer.observe({"x": x})
    return observer


def both(model: ModelProto, folder: Path, inputs: list[Any]) -> tuple[ModelProto, ModelProto]:
    """The model with weights rounded to the nearest, and by what it was given."""
    nearest, better = graphs.copy_of(model), graphs.copy_of(model)
    graphs.store_int8(nearest)
    graphs.store_int8(better, observer=observed(model, folder, inputs))
    onnx.checker.check_model(better, full_check=True)
    return nearest, better


def correlated(*shape: int) -> Any:
    """Inputs with a mean, whose channels move together, as behind an activation."""
    common = GENERATOR.standard_normal((shape[0], 1, *shape[2:]))
    own = GENERATOR.standard_normal(shape)
    return np.maximum(common + 0.3 * own + 0.5, 0).astype(np.float32)


LAYERS: dict[str, tuple[ModelProto, tuple[int, ...]]] = {
    "pointwise": (layer("Conv", (24, 32, 1, 1), [1, 32, 9, 9]), (1, 32, 9, 9)),
    "padded": (layer("Conv", (8, 6, 3, 3), [1, 6, 9, 8], pads=[1, 0, 2, 1]), (1, 6, 9, 8)),
    "strided": (
        layer("Conv", (8, 6, 3, 2), [1, 6, 9, 9], strides=[2, 3], dilations=[1, 2]),
        (1, 6, 9, 9),
    ),
    "grouped": (layer("Conv", (8, 3, 3, 3), [1, 6, 9, 9], group=2), (1, 6, 9, 9)),
    "depthwise": (layer("Conv", (6, 1, 3, 3), [1, 6, 9, 9], group=6, pads=[1] * 4), (1, 6, 9, 9)),
    "Gemm": (layer("Gemm", (64, 10), [7, 64]), (7, 64)),
    "transposed Gemm": (layer("Gemm", (10, 64), [7, 64], transB=1), (7, 64)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_mean_of_every_output_is_what_it_was(name: str, tmp_path: Path) -> None:
    model, shape = LAYERS[name]
    inputs = [correlated(*shape) for _ in range(3)]
    nearest, better = both(model, tmp_path, inputs)

    def means(of: ModelProto) -> Any:
        outputs = np.concatenate([run(of, x) for x in inputs])
        return outputs.mean(axis=tuple(i for i in range(outputs.ndim) if i != 1))

    wanted = means(model)
    assert np.abs(means(better) - wanted).max() < 1e-4
    assert np.abs(means(nearest) - wanted).max() > 1e-3


@pytest.mark.parametrize("name", ["pointwise", "padded", "Gemm", "transposed Gemm", "MatMul"])
def test_errors_make_up_for_each_other(name: str, tmp_path: Path) -> None:
    matmul = layer("MatMul", (64, 12), [40, 64]), (40, 64)
    model, shape = {**LAYERS, "MatMul": matmul}[name]
    inputs = [correlated(*shape) for _ in range(20)]
    nearest, better = both(model, tmp_path, inputs[1:])

    def error(of: ModelProto) -> float:
        return float(((run(of, inputs[0]) - run(model, inputs[0])) ** 2).mean())

    # On an input that was not seen.
    assert error(better) < 0.6 * error(nearest)


def test_a_shared_weight_and_one_that_was_not_seen_are_rounded_to_the_nearest(
    tmp_path: Path,
) -> None:
    model, shape = LAYERS["pointwise"]
    other = layer("ConvTranspose", (3, 5, 2, 2), [1, 3, 4, 4])
    del other.graph.node[0].input[2:]
    nearest, better = both(other, tmp_path, [correlated(1, 3, 4, 4)])
    assert nearest == better
    shared = graphs.copy_of(model)
    twin = helper.make_node("Conv", ["x", "w"], ["z"], "twin")
    shared.graph.node.append(twin)
    shared.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [None] * 4))
    nearest, better = both(shared, tmp_path, [correlated(*shape)])
    assert nearest == better


def test_wide_layers_have_their_bias_corrected_only(tmp_path: Path) -> None:
    model = layer("Gemm", (4, MOST_COLUMNS + 1), [2, MOST_COLUMNS + 1], transB=1)
    nearest, better = both(model, tmp_path, [correlated(2, MOST_COLUMNS + 1)])
    kept = [
        {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}["w_stored"]
        for made in (nearest, better)
    ]
    assert np.array_equal(*kept)
    assert [node.input[2] for node in better.graph.node if node.op_type == "Gemm"] == [
        "layer_bias_corrected"
    ]


@pytest.mark.filterwarnings("ignore:invalid value")
def test_inputs_that_are_not_finite_and_dead_ones_do_no_harm(tmp_path: Path) -> None:
    model, shape = LAYERS["pointwise"]
    for value in (0.0, np.inf):
        dead = correlated(*shape)
        dead[:, 3] = value
        _, better = both(model, tmp_path, [dead])
        x = correlated(*shape)
        assert np.abs(run(better, x) - run(model, x)).max() < 0.5
        stored = {t.name: numpy_helper.to_array(t) for t in better.graph.initializer}
        assert all(np.isfinite(array).all() for array in stored.values())
