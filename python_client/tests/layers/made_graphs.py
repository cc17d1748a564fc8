"""A small network as an ONNX graph, its copies in other precisions, and faults in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

Array = NDArray[Any]
SHAPE = (1, 3, 16, 16)


def picture(seed: int = 0) -> dict[str, Array]:
    """An input of the network."""
    return {"picture": np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)}


def network() -> ModelProto:
    """Convolutions, a skip, a factor, a layer norm, pooling and a matrix product."""
    random = np.random.default_rng(3)
    constants = {
        "w1": random.standard_normal((8, 3, 3, 3)) / 5,
        "b1": random.standard_normal(8),
        "w2": random.standard_normal((8, 8, 3, 3)) / 8,
        "factor": np.array(1.5),
        "gain": 1 + random.standard_normal(16) / 4,
        "shift": random.standard_normal(16),
        "wf": random.standard_normal((8, 5)),
    }
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        _node("Conv", ["picture", "w1", "b1"], "c1", "first.conv", **same),
        _node("Relu", ["c1"], "r1", "first.act"),
        _node("Conv", ["r1", "w2"], "c2", "second.conv", **same),
        _node("Mul", ["c2", "factor"], "m2", "second"),
        _node("Relu", ["m2"], "r2", "second.act"),
        _node("Add", ["r1", "r2"], "sum", "."),
        _node("LayerNormalization", ["sum", "gain", "shift"], "norm", "norm", epsilon=1e-5),
        _node("GlobalAveragePool", ["norm"], "pooled", "pool"),
        _node("Flatten", ["pooled"], "flat", "."),
        _node("MatMul", ["flat", "wf"], "scores", "head"),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, (1, 5))],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def _node(op_type: str, inputs: Sequence[str], output: str, module: str, **attributes: Any) -> Any:
    node = helper.make_node(op_type, inputs, [output], name=f"/{output}", **attributes)
    node.metadata_props.add(key="oxv.module", value=module)
    return node


def named(model: ModelProto, output: str) -> Any:
    """The node that makes a tensor."""
    return next(node for node in model.graph.node if output in node.output)


def with_weights(model: ModelProto, changed: Mapping[str, Array]) -> ModelProto:
    """A copy with other constants."""
    copy = type(model).FromString(model.SerializeToString())
    for tensor in copy.graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(numpy_helper.from_array(changed[tensor.name], tensor.name))
    return copy


def weights(model: ModelProto, name: str) -> Array:
    """A constant, to be changed."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    return numpy_helper.to_array(tensor).copy()


def with_attribute(model: ModelProto, output: str, name: str, value: Any) -> ModelProto:
    """A copy whose node has another attribute."""
    copy = type(model).FromString(model.SerializeToString())
    node = named(copy, output)
    kept = [a for a in node.attribute if a.name != name]
    copies = [type(a).FromString(a.SerializeToString()) for a in kept]
    del node.attribute[:]
    node.attribute.extend([*copies, helper.make_attribute(name, value)])
    return copy


def one_filter(model: ModelProto, name: str = "w2", factor: float = 1.2) -> ModelProto:
    """A copy with one filter scaled."""
    value = weights(model, name)
    value[2] *= factor
    return with_weights(model, {name: value})


def fused(model: ModelProto) -> ModelProto:
    """A copy whose second convolution has the factor in its weights, under its own name still."""
    factor = weights(model, "factor")
    copy = with_weights(model, {"w2": weights(model, "w2") * factor})
    named(copy, "r2").input[0] = "c2"
    copy.graph.node.remove(named(copy, "m2"))
    return copy


def half(model: ModelProto) -> ModelProto:
    """In half precision, with casts at both ends."""
    copy = type(model).FromString(model.SerializeToString())
    graph = copy.graph
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = "picture_cast" if name == "picture" else name
        for place, name in enumerate(node.output):
            node.output[place] = "scores_half" if name == "scores" else name
    begin = helper.make_node("Cast", ["picture"], ["picture_cast"], to=TensorProto.FLOAT16)
    end = helper.make_node("Cast", ["scores_half"], ["scores"], to=TensorProto.FLOAT)
    return _with_nodes(copy, [begin, *graph.node, end])


def quantised(
    model: ModelProto,
    ranges: Mapping[str, tuple[float, float]],
    bad: Mapping[str, float] | None = None,
) -> ModelProto:
    """With these tensors in 8 bits, where they are read; a factor in `bad` spoils a scale."""
    factors = bad or {}
    copy = type(model).FromString(model.SerializeToString())
    nodes: list[Any] = _pair(copy, "picture", ranges, factors)
    for node in copy.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = f"{name}_DequantizeLinear_Output" if name in ranges else name
        nodes.append(node)
        nodes += [pair for name in node.output for pair in _pair(copy, name, ranges, factors)]
    return _with_nodes(copy, nodes)


def _pair(model: ModelProto, name: str, ranges: Any, factors: Mapping[str, float]) -> list[Any]:
    if name not in ranges:
        return []
    low, high = min(0.0, ranges[name][0]), max(0.0, ranges[name][1])
    step = (high - low) / 255 * factors.get(name, 1.0)
    zero = np.array(round(-low / step) if low else 0, np.uint8)
    ends = [f"{name}_scale", f"{name}_zero"]
    model.graph.initializer.append(numpy_helper.from_array(np.array(step, np.float32), ends[0]))
    model.graph.initializer.append(numpy_helper.from_array(zero, ends[1]))
    whole, back = f"{name}_QuantizeLinear_Output", f"{name}_DequantizeLinear_Output"
    return [
        helper.make_node("QuantizeLinear", [name, *ends], [whole], name=f"{name}_QuantizeLinear"),
        helper.make_node("DequantizeLinear", [whole, *ends], [back], name=f"{name}_Dequantize"),
    ]


def _with_nodes(model: ModelProto, nodes: Sequence[Any]) -> ModelProto:
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    onnx.checker.check_model(model)
    return model


def written(model: ModelProto, path: Path) -> Path:
    """The model as a file."""
    path.write_bytes(model.SerializeToString())
    return path
