"""Nodes that hold graphs: If, Loop and Scan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from oxidizedvision.onnx_graph import nested_graphs
from oxidizedvision.profile.graph.macs import is_counted, node_macs
from oxidizedvision.profile.graph.operands import Operands
from oxidizedvision.profile.graph.values import UnknownLengthError, Values, values_of

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

TripCount = Callable[[str], int | None]
"""The value of a constant whole number by name; None for everything else."""


def deep_macs(node: NodeProto, values: Values, trip_count: TripCount) -> int | None:
    """Multiply-adds of a node with its nested graphs; None where lengths are not known.

    Of the branches of an If the larger one counts. The body of a loop counts as often as it may
    run, where that is a constant.
    """
    operands = Operands(node, values)
    bodies = [_graph_macs(graph, values, trip_count) for graph in nested_graphs([node])]
    if not bodies:
        return node_macs(operands)
    if None in bodies:
        return None
    largest = max(macs for macs in bodies if macs is not None)
    if node.op_type == "If" or largest == 0:
        return largest
    runs = _runs(operands, trip_count)
    return None if runs is None else runs * largest


def _graph_macs(graph: GraphProto, outer: Values, trip_count: TripCount) -> int | None:
    values = values_of(graph, outer)
    total = 0
    for node in graph.node:
        macs = deep_macs(node, values, trip_count)
        if macs is None:
            return None
        total += macs
    return total


def _runs(node: Operands, trip_count: TripCount) -> int | None:
    """How often the body of a Loop or Scan runs at most."""
    if node.node.op_type == "Loop" and node.has(0):
        return trip_count(node.node.input[0])
    if node.node.op_type != "Scan":
        return None
    scanned = int(node.attribute("num_scan_inputs"))
    axes = node.attribute("scan_input_axes") or [0] * scanned
    try:
        return node.input(len(node.node.input) - scanned)[int(axes[0])]
    except (UnknownLengthError, IndexError):
        return None


def deep_names(node: NodeProto) -> Iterator[str]:
    """Every value that a node takes, and that the nodes of its nested graphs take."""
    yield from (name for name in node.input if name)
    for graph in nested_graphs([node]):
        yield from (output.name for output in graph.output)
        for inner in graph.node:
            yield from deep_names(inner)


def uncounted_operators(graph: GraphProto, outer: Values | None = None) -> Iterator[str]:
    """Operators that may multiply and that no rule knows, those of nested graphs included."""
    values = values_of(graph, outer)
    for node in graph.node:
        operands = Operands(node, values)
        if not is_counted(operands):
            yield operands.operator
        for nested in nested_graphs([node]):
            yield from uncounted_operators(nested, values)
