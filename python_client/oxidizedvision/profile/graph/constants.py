"""Constants of an ONNX graph: which are weights, and which node has them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oxidizedvision.onnx_graph import nested_graphs
from oxidizedvision.profile.graph.nested import deep_names
from oxidizedvision.profile.graph.values import dtype_of, stored_bytes

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

_SHAPES = frozenset({"Shape", "Size"})
_INDEX_TYPES = frozenset({"i64", "bool", "string"})
"""Element types of shapes, axes and names; weights are never stored in them."""


@dataclass(frozen=True)
class Constant:
    """One constant of the file.

    is_weight: False for index tables, running statistics and single numbers.
    """

    name: str
    elements: int
    bytes: int
    dtype: str
    is_weight: bool


@dataclass(frozen=True)
class Holding:
    """What one node holds: elements of its weights, and bytes of all its constants."""

    parameters: int
    bytes: int


def constants_of(graph: GraphProto) -> list[Constant]:
    """Every constant, those of nested graphs included."""
    own = list(_own(graph))
    for nested in nested_graphs(graph.node):
        own += constants_of(nested)
    return own


def constant_nodes(graph: GraphProto) -> set[int]:
    """Nodes whose results no input changes: of constants alone, or of shapes, which are fixed.

    An engine computes them once. A node that gives an output of the graph is none.
    """
    found: set[int] = set()
    known = {"", *(constant.name for constant in _own(graph))}
    given = {output.name for output in graph.output}
    for index, node in enumerate(graph.node):
        is_constant = node.op_type in _SHAPES or known.issuperset(deep_names(node))
        if is_constant and given.isdisjoint(node.output):
            found.add(index)
            known.update(node.output)
    return found


def holdings(graph: GraphProto) -> list[Holding]:
    """What each node holds; a constant that several nodes take is the first one's.

    What stands between a constant and the node that works with it, such as DequantizeLinear,
    passes it on.
    """
    left = {constant.name: [constant] for constant in _own(graph)}
    passing = constant_nodes(graph)
    return [_holding(node, left, passes=i in passing) for i, node in enumerate(graph.node)]


def bytes_by_dtype(constants: list[Constant]) -> dict[str, int]:
    """The bytes of all constants by our names of element types."""
    total: defaultdict[str, int] = defaultdict(int)
    for constant in constants:
        total[constant.dtype] += constant.bytes
    return dict(total)


def _holding(node: NodeProto, left: dict[str, list[Constant]], *, passes: bool) -> Holding:
    found = [constant for name in deep_names(node) for constant in left.pop(name, [])]
    for nested in nested_graphs([node]):
        found += constants_of(nested)
    if passes:
        left[node.output[0]] = found
        return Holding(0, 0)
    return Holding(
        sum(constant.elements for constant in found if constant.is_weight),
        sum(constant.bytes for constant in found),
    )


def _own(graph: GraphProto) -> Iterator[Constant]:
    statistics = _running_statistics(graph)
    for tensor in graph.initializer:
        dtype, _ = dtype_of(tensor.data_type)
        # A single number without axes belongs to the graph: the bound of a Clip, a divisor.
        is_number = dtype in _INDEX_TYPES or not tensor.dims
        is_weight = not is_number and tensor.name not in statistics
        elements = math.prod(tensor.dims)
        yield Constant(tensor.name, elements, stored_bytes(tensor), dtype, is_weight)
    for sparse in graph.sparse_initializer:
        values = sparse.values
        dtype, _ = dtype_of(values.data_type)
        size = stored_bytes(values) + stored_bytes(sparse.indices)
        yield Constant(values.name, math.prod(values.dims), size, dtype, dtype not in _INDEX_TYPES)


def _running_statistics(graph: GraphProto) -> set[str]:
    """Means and variances of batch normalisation: buffers, as PyTorch has it."""
    return {
        name
        for node in graph.node
        if node.op_type == "BatchNormalization"
        for name in node.input[3:5]
    }
