"""Models of a few hundred bytes that ask for more than any machine has, or never end.

Each takes a float32 `x` of shape [1, 3] and gives `y` of the same shape, if it ever gives anything.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

SIDE = 1 << 23
"""A float32 tensor of this many rows and columns, 256 TiB, is larger than what a process can
address, however freely its system gives memory."""


def _constant(name: str, values: object, kind: type = np.int64) -> NodeProto:
    tensor = numpy_helper.from_array(np.array(values, kind), name)
    return helper.make_node("Constant", [], [name], value=tensor)


def _summed(huge: str) -> list[NodeProto]:
    """Makes the huge tensor part of the answer, so that no engine leaves it out."""
    return [
        helper.make_node("ReduceMax", [huge], ["most"], keepdims=0),
        helper.make_node("Add", ["x", "most"], ["y"]),
    ]


def constant_of_shape() -> list[NodeProto]:
    value = numpy_helper.from_array(np.ones(1, np.float32))
    return [
        _constant("shape", [SIDE, SIDE]),
        helper.make_node("ConstantOfShape", ["shape"], ["huge"], value=value),
        *_summed("huge"),
    ]


def tile() -> list[NodeProto]:
    return [
        _constant("repeats", [SIDE, SIDE]),
        helper.make_node("Tile", ["x", "repeats"], ["huge"]),
        *_summed("huge"),
    ]


def resize() -> list[NodeProto]:
    return [
        _constant("axes", [0, 3]),
        _constant("none", [], np.float32),
        _constant("sizes", [1, 1, SIDE, SIDE]),
        _constant("picture", [1, 1, 1, 3]),
        helper.make_node("Reshape", ["x", "picture"], ["small"]),
        helper.make_node("Resize", ["small", "", "none", "sizes"], ["huge"], mode="nearest"),
        *_summed("huge"),
    ]


def endless() -> list[NodeProto]:
    return _loop("x", "y")


def endless_constant() -> list[NodeProto]:
    begin = _constant("begin", [[1, 2, 3]], np.float32)
    return [begin, *_loop("begin", "end"), helper.make_node("Add", ["x", "end"], ["y"])]


def _loop(begin: str, end: str) -> list[NodeProto]:
    values = {
        name: helper.make_tensor_value_info(name, kind, shape)
        for name, kind, shape in [
            ("turn", TensorProto.INT64, []),
            ("go", TensorProto.BOOL, []),
            ("state", TensorProto.FLOAT, [1, 3]),
            ("go_on", TensorProto.BOOL, []),
            ("next", TensorProto.FLOAT, [1, 3]),
        ]
    }
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Cos", ["state"], ["next"]),
        ],
        "body",
        [values["turn"], values["go"], values["state"]],
        [values["go_on"], values["next"]],
    )
    return [
        _constant("start", True, np.bool_),
        helper.make_node("Loop", ["", "start", begin], [end], body=body),
    ]


def save(path: Path, nodes: Callable[[], list[NodeProto]]) -> Path:
    """Write the model of these nodes."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in ("x", "y")]
    graph = helper.make_graph(nodes(), nodes.__name__, ends[:1], ends[1:])
    opset = helper.make_opsetid("", 13)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


def save_filled(path: Path) -> Path:
    """Write a model that fills a tensor of the shape `x` (int64, [2]) with ones; `y` is 1."""
    x = helper.make_tensor_value_info("x", TensorProto.INT64, [2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])
    ones = numpy_helper.from_array(np.ones(1, np.float32))
    nodes = [
        helper.make_node("ConstantOfShape", ["x"], ["filled"], value=ones),
        helper.make_node("ReduceMax", ["filled"], ["y"], keepdims=0),
    ]
    graph = helper.make_graph(nodes, "filled", [x], [y])
    opset = helper.make_opsetid("", 13)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path
