"""Shapes, element types and sizes of the values of an ONNX graph."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from oxidizedvision.core.tensors import DTYPE_OF_NUMPY, Dim, TensorSpec, axis, is_shared

if TYPE_CHECKING:
    from onnx import GraphProto, TensorProto

_BITS = {"int4": 4, "uint4": 4, "float4_e2m1fn": 4, "int2": 2, "uint2": 2, "bool": 8}


class UnknownLengthError(Exception):
    """A length that a number depends on is not known."""


@dataclass(frozen=True)
class Value:
    """What is known of a value.

    dims: None where not even the number of axes is known. bits: of one element, 0 where it is no
    tensor of a fixed element size. is_constant: it is an initialiser.
    """

    dims: tuple[Dim, ...] | None
    dtype: str
    bits: int
    is_constant: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths.

        Raises:
            UnknownLengthError: where one is not known.
        """
        lengths = tuple(dim for dim in self.dims or () if isinstance(dim, int))
        if self.dims is None or len(lengths) < len(self.dims):
            raise UnknownLengthError
        return lengths

    @property
    def bytes(self) -> int:
        """The size.

        Raises:
            UnknownLengthError: where a length or the element's size is not known.
        """
        if self.bits == 0:
            raise UnknownLengthError
        return _whole_bytes(self.shape, self.bits)


UNKNOWN = Value(None, "", 0)
Values = MutableMapping[str, Value]


def values_of(graph: GraphProto, outer: Values | None = None) -> Values:
    """Every value of a graph by name; those of the graphs around it stay visible."""
    own: dict[str, Value] = {}
    for info in (*graph.input, *graph.value_info, *graph.output):
        own[info.name] = _declared(info)
    for tensor in graph.initializer:
        dtype, bits = dtype_of(tensor.data_type)
        own[tensor.name] = Value(tuple(tensor.dims), dtype, bits, is_constant=True)
    for sparse in graph.sparse_initializer:
        dtype, bits = dtype_of(sparse.values.data_type)
        own[sparse.values.name] = Value(tuple(sparse.dims), dtype, bits, is_constant=True)
    return own if outer is None else ChainMap(own, outer)


def fill(values: Values, found: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Take shapes and element types that a run showed, where none are known."""
    for name, (dtype, dims) in found.items():
        known = values.get(name, UNKNOWN)
        try:
            _ = known.shape
        except UnknownLengthError:
            values[name] = replace(known, dims=dims)
        if values[name].bits == 0:
            ours, bits = _named_dtype(dtype)
            values[name] = replace(values[name], dtype=ours, bits=bits)


def spec_of(info: Any) -> TensorSpec:
    """An input of the graph as a spec; a length without a name is called by input and axis."""
    value = _declared(info)
    dims = (axis(info.name, index, dim) for index, dim in enumerate(value.dims or ()))
    return TensorSpec(info.name, value.dtype, tuple(dims))


@lru_cache(maxsize=64)
def dtype_of(element_type: int) -> tuple[str, int]:
    """Our name of an ONNX element type, and its bits; 0 for texts."""
    import onnx

    if element_type == onnx.TensorProto.STRING:
        return "string", 0
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(element_type)
    except (KeyError, ValueError):  # undefined, or newer than the package
        return "", 0
    bits = _BITS.get(dtype.name, 8 * dtype.itemsize)
    return DTYPE_OF_NUMPY.get(dtype.name, dtype.name), bits


def stored_bytes(tensor: TensorProto) -> int:
    """The bytes of a constant's elements."""
    _, bits = dtype_of(tensor.data_type)
    if bits == 0:
        return sum(len(text) for text in tensor.string_data)
    return _whole_bytes(tensor.dims, bits)


def _whole_bytes(shape: Sequence[int], bits: int) -> int:
    return (math.prod(shape) * bits + 7) // 8


def _declared(info: Any) -> Value:
    if info.type.WhichOneof("value") != "tensor_type":
        return UNKNOWN
    tensor_type = info.type.tensor_type
    dtype, bits = dtype_of(tensor_type.elem_type)
    if not tensor_type.HasField("shape"):
        return Value(None, dtype, bits)
    return Value(tuple(map(_dim, tensor_type.shape.dim)), dtype, bits)


def _dim(dim: Any) -> Dim:
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return int(dim.dim_value)
    return dim.dim_param if is_shared(dim.dim_param) else "?"


_ORT_DTYPES = {"float": "float32", "double": "float64"}


def _named_dtype(name: str) -> tuple[str, int]:
    """Our name and the bits of an element type in ONNX Runtime's words."""
    import numpy as np

    try:
        dtype = np.dtype(_ORT_DTYPES.get(name, name))
    except TypeError:
        return name, 0
    return DTYPE_OF_NUMPY.get(dtype.name, dtype.name), 8 * dtype.itemsize
