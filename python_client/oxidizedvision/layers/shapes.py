"""Shapes of an ONNX graph: fixed where they are given, told where they can be inferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto


def set_shape(value: Any, shape: Sequence[int]) -> None:
    """Fix the lengths of an input or output; its element type stays."""
    described = value.type.tensor_type.shape
    del described.dim[:]
    described.SetInParent()
    for length in shape:
        described.dim.add(dim_value=length)


def fix_shapes(graph: GraphProto, shapes: Mapping[str, Sequence[int]]) -> None:
    """Give lengths to the inputs; what the file says of inner tensors may no longer hold."""
    del graph.value_info[:]
    for value in graph.input:
        if value.name in shapes:
            set_shape(value, shapes[value.name])
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")


def described(model: ModelProto) -> dict[str, Any]:
    """Types and shapes of inputs, outputs and inner tensors, as far as they can be inferred."""
    import onnx

    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except (RuntimeError, ValueError):  # the file passed its check: this is inference's own end
        graph = model.graph
    values = (*graph.value_info, *graph.output, *graph.input)
    # Copies: each would hold the whole model with its weights.
    return {value.name: type(value).FromString(value.SerializeToString()) for value in values}
