"""A model of many products, each followed by something that engines compute along with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional

Step = tuple[str, float | Tensor | None, Callable[[Tensor], Tensor]]

_GENERATOR = torch.Generator().manual_seed(5)


def _normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=_GENERATOR)


CHANNEL = _normal(7, 1, 1)
RAISE = torch.full((7, 1, 1), 50.0)
STEPS: Mapping[str, Step] = {
    "plain": ("", None, lambda product: product),
    "add": ("Add", 0.3, lambda product: product + 0.3),
    "multiply": ("Mul", -1.5, lambda product: product * -1.5),
    "subtract": ("Sub", 0.3, lambda product: product - 0.3),
    "subtract_from": ("Sub of", 0.3, lambda product: 0.3 - product),
    "least": ("Min", 0.2, lambda product: product.clamp(max=0.2)),
    "most": ("Max", -0.2, lambda product: product.clamp(min=-0.2)),
    "relu": ("Relu", None, functional.relu),
    "leaky_relu": ("LeakyRelu", None, functional.leaky_relu),
    "add_each": ("Add", CHANNEL, lambda product: product + CHANNEL),
    "multiply_each": ("Mul", CHANNEL, lambda product: product * CHANNEL),
    "subtract_each": ("Sub", CHANNEL, lambda product: product - CHANNEL),
    "subtract_from_each": ("Sub of", CHANNEL, lambda product: CHANNEL - product),
    "least_each": ("Min", CHANNEL, lambda product: torch.minimum(product, CHANNEL)),
    "most_each": ("Max", CHANNEL, lambda product: torch.maximum(product, CHANNEL)),
}


def write(path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Write the model; its inputs, and what PyTorch gives.

    No length is a multiple of what kernels take at once: 7 channels of 5, pictures of 9 x 11.
    """
    _GENERATOR.manual_seed(5)
    picture, other, rows = _normal(2, 5, 9, 11), _normal(2, 7, 9, 11), _normal(6, 10)
    weight, bias, matrix, offset = _normal(7, 5, 3, 3), _normal(7), _normal(10, 13), _normal(13)
    product = functional.conv2d(picture, weight, bias, padding=1)
    constants = {"raise": RAISE, "weight": weight, "bias": bias, "matrix": matrix, "offset": offset}
    nodes, expected = [], {}
    for name, (operator, operand, compute) in STEPS.items():
        nodes.append(_convolution(f"{name}_product" if operator else name))
        if operator:
            sides = [f"{name}_product"]
            if operand is not None:
                constants[f"{name}_operand"] = torch.as_tensor(operand)
                sides.append(f"{name}_operand")
            kind, *turned = operator.split()
            nodes.append(helper.make_node(kind, sides[::-1] if turned else sides, [name]))
        expected[name] = compute(product)
    nodes += _behind_sums()
    expected["divide_from_each"] = CHANNEL / (product + RAISE)
    expected["subtract_sum_from_each"] = CHANNEL - (product + RAISE)
    expected["sum"] = product + other
    nodes += [
        helper.make_node("MatMul", ["rows", "matrix"], ["rows_product"]),
        helper.make_node("Add", ["rows_product", "offset"], ["rows_sum"]),
        helper.make_node("Relu", ["rows_sum"], ["linear"]),
        helper.make_node("MatMul", ["rows", "matrix"], ["turned_product"]),
        helper.make_node("Transpose", ["turned_product"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["turned", "rows"], ["twice"]),
    ]
    expected["linear"] = functional.relu(rows @ matrix + offset)
    expected["turned"] = (rows @ matrix).T
    expected["twice"] = expected["turned"] @ rows
    inputs = {"picture": picture, "other": other, "rows": rows}
    graph = helper.make_graph(
        nodes,
        "products",
        [_value(name, tensor) for name, tensor in inputs.items()],
        [_value(name, tensor) for name, tensor in expected.items()],
        [numpy_helper.from_array(tensor.numpy(), name) for name, tensor in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return _arrays(inputs), _arrays(expected)


def _behind_sums() -> list[onnx.NodeProto]:
    """Products that a sum follows, and some that a constant is divided by or lessened by."""
    nodes = []
    for name, kind in (("divide_from_each", "Div"), ("subtract_sum_from_each", "Sub")):
        nodes += [
            _convolution(f"{name}_product"),
            helper.make_node("Add", [f"{name}_product", "raise"], [f"{name}_raised"]),
            helper.make_node(kind, ["add_each_operand", f"{name}_raised"], [name]),
        ]
    added = helper.make_node("Add", ["sum_product", "other"], ["sum"])
    return [*nodes, _convolution("sum_product"), added]


def _convolution(output: str) -> onnx.NodeProto:
    sides = ["picture", "weight", "bias"]
    lengths = {"pads": [1, 1, 1, 1], "strides": [1, 1], "dilations": [1, 1]}
    return helper.make_node("Conv", sides, [output], **lengths)


def _value(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(tensor.shape))


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}
