"""Shapes that follow from values: what a graph computes from shapes, it reshapes by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, TypeProto

FEW = 64
"""Tensors of up to so many elements may be shapes; larger ones are not computed."""


def follow_shapes(model: ModelProto) -> dict[str, TypeProto]:
    """Types of values that inference left open, found by computing the small values of the graph.

    Inference follows values through the newer operators only, and through none of some.
    """
    return _Walk(model).found()


class _Walk:
    """From the inputs to the outputs, with what is known of each value."""

    def __init__(self, model: ModelProto) -> None:
        self._nodes = model.graph.node
        self._opsets = model.opset_import
        self._versions = {entry.domain: entry.version for entry in model.opset_import}
        graph = model.graph
        self._types = {v.name: v.type for v in (*graph.input, *graph.value_info, *graph.output)}
        self._types |= {tensor.name: _type_of(tensor) for tensor in graph.initializer}
        self._data = {tensor.name: tensor for tensor in graph.initializer if _is_small(tensor)}

    def found(self) -> dict[str, TypeProto]:
        found: dict[str, TypeProto] = {}
        for node in self._nodes:
            outputs = [name for name in node.output if name]
            if any(_lengths(self._types.get(name)) is None for name in outputs):
                inferred = self._inferred(node)
                self._types |= inferred
                found |= inferred
            self._data |= self._computed(node)
        return found

    def _inferred(self, node: NodeProto) -> dict[str, TypeProto]:
        import onnx

        try:
            schema = onnx.defs.get_schema(node.op_type, self._versions[node.domain], node.domain)
            known = {name: self._types[name] for name in node.input if name}
            return onnx.shape_inference.infer_node_outputs(
                schema, node, known, self._data, opset_imports=list(self._opsets)
            )
        except Exception:  # noqa: BLE001 - its errors have no common class; what is open stays open
            return {}

    def _computed(self, node: NodeProto) -> dict[str, TensorProto]:
        if node.op_type in {"Shape", "Size"} and not node.domain:
            lengths = _lengths(self._types.get(node.input[0]))
            return {} if lengths is None else {node.output[0]: _of_lengths(node, lengths)}
        follows = node.input and all(name in self._data for name in node.input if name)
        small = all(self._is_few(name) for name in node.output if name)
        # A nested graph may run for as long as it likes.
        holds_graph = any(attribute.HasField("g") for attribute in node.attribute)
        return self._evaluated(node) if follows and small and not holds_graph else {}

    def _is_few(self, name: str) -> bool:
        lengths = _lengths(self._types.get(name))
        return lengths is not None and math.prod(lengths) <= FEW

    def _evaluated(self, node: NodeProto) -> dict[str, TensorProto]:
        from onnx import helper, numpy_helper
        from onnx.reference import ReferenceEvaluator

        names = [name for name in node.output if name]
        ends = [helper.make_empty_tensor_value_info(name) for name in names]
        given = [self._data[name] for name in dict.fromkeys(node.input) if name]
        try:
            graph = helper.make_graph([node], "node", [], ends, given)
            values = ReferenceEvaluator(graph, opsets=self._versions).run(None, {})
            pairs = zip(names, values, strict=True)
            return {name: numpy_helper.from_array(np.asarray(v), name) for name, v in pairs}
        except Exception:  # noqa: BLE001 - an operator that it has not, or bad values
            return {}


def _of_lengths(node: NodeProto, lengths: tuple[int, ...]) -> TensorProto:
    from onnx import numpy_helper

    cut: Mapping[str, Any] = {attribute.name: attribute.i for attribute in node.attribute}
    value = (
        np.array(math.prod(lengths), np.int64)
        if node.op_type == "Size"
        else np.array(lengths[cut.get("start", 0) : cut.get("end")], np.int64)
    )
    return numpy_helper.from_array(value, node.output[0])


def _is_small(tensor: TensorProto) -> bool:
    inside = tensor.data_location != tensor.EXTERNAL
    return inside and math.prod(tensor.dims) <= FEW and tensor.data_type != tensor.STRING


def _type_of(tensor: TensorProto) -> TypeProto:
    from onnx import helper

    return helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))


def _lengths(known: TypeProto | None) -> tuple[int, ...] | None:
    """Of every axis; None where one is not known, or the value is no tensor."""
    if known is None or not known.tensor_type.HasField("shape"):
        return None
    dims = known.tensor_type.shape.dim
    if not all(dim.HasField("dim_value") for dim in dims):
        return None
    return tuple(dim.dim_value for dim in dims)
