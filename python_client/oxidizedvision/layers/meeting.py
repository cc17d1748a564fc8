"""Which tensors of two graphs stand for the same thing: by name, and behind rounding steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from oxidizedvision.layers.graph import Graph

PASSING = frozenset({"QuantizeLinear", "DequantizeLinear", "Cast", "Identity"})
"""What changes the form of a tensor and not what it stands for."""

_SUFFIXES = ("_DequantizeLinear_Output", "_dequantized", "_QuantizeLinear_Output_dequantized")


def meetings(reference: Graph, candidate: Graph, known: Collection[str]) -> dict[str, str]:
    """By tensor of the candidate the tensor of the reference that it should equal.

    Args:
        reference: The graph that values are known of.
        candidate: The graph to compare.
        known: Tensors of the reference, inputs included, whose values are known.
    """
    found: dict[str, str] = {}
    for name in candidate.tensors:
        origin = name if name in known else _origin(name, candidate, found, known)
        if origin is None or not _same_kind(reference, candidate, origin, name):
            continue
        if not _is_reshaped(reference, candidate, origin, name):
            found[name] = origin
    return found


def _is_reshaped(reference: Graph, candidate: Graph, origin: str, name: str) -> bool:
    """Whether a tool that rewrote the nodes around a tensor kept its name for another shape."""
    shapes = reference.shapes.get(origin), candidate.shapes.get(name)
    if None in shapes or shapes[0] == shapes[1]:
        return False
    return structure_differs(reference, candidate, name)


def structure_differs(reference: Graph, candidate: Graph, name: str) -> bool:
    """Whether a tensor of one name is made by, or goes to, other kinds of nodes in the two graphs.

    A tool that fuses nodes may keep a name for another value.
    """
    if name not in reference.producers:
        return True
    sides = [_surroundings(graph, name) for graph in (reference, candidate)]
    return sides[0] != sides[1]


def stands_for_certain(candidate: Graph, name: str, origin: str) -> bool:
    """Whether a tensor follows from the one that it stands for by changes of form alone."""
    return name != origin and origin in _sources(candidate, name)


def next_known(graph: Graph, name: str, known: Collection[str]) -> set[str]:
    """The known tensors that are made from this one with no known tensor between."""
    found: set[str] = set()
    seen = {name}
    open_ends = [name]
    while open_ends:
        for index in graph.consumers.get(open_ends.pop(), ()):
            for output in filter(None, graph.nodes[index].output):
                if output in known:
                    found.add(output)
                elif output not in seen:
                    seen.add(output)
                    open_ends.append(output)
    return found


def _origin(
    name: str, candidate: Graph, found: dict[str, str], known: Collection[str]
) -> str | None:
    """What a tensor without a namesake stands for: the tensor before its steps of rounding."""
    if not _is_float(candidate, name):
        return None
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and name.removesuffix(suffix) in known:
            return name.removesuffix(suffix)
    for source in _sources(candidate, name):
        if source in found:
            return found[source]
        if source in candidate.inputs and source in known:
            return source
    return None


def _sources(graph: Graph, name: str) -> Iterator[str]:
    """The tensors that lead to this one through nothing but changes of form, nearest first."""
    while name in graph.producers:
        node = graph.nodes[graph.producers[name]]
        if node.op_type not in PASSING:
            return
        name = node.input[0]
        yield name


def _surroundings(graph: Graph, name: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    node = graph.nodes[graph.producers[name]]
    inputs = tuple(
        _before(graph, source)
        for source in node.input
        if source and _before(graph, source) not in graph.constants
    )
    return node.op_type, inputs, tuple(sorted(_readers(graph, name)))


def _before(graph: Graph, name: str) -> str:
    """A tensor without the changes of form after it."""
    return [name, *_sources(graph, name)][-1]


def _readers(graph: Graph, name: str) -> Iterator[str]:
    if name in graph.outputs:
        yield "output"
    for index in graph.consumers.get(name, ()):
        node = graph.nodes[index]
        if node.op_type in PASSING:
            yield from _readers(graph, node.output[0])
        else:
            yield node.op_type


def _same_kind(reference: Graph, candidate: Graph, origin: str, name: str) -> bool:
    """Both floating-point numbers, or of the same type."""
    if _is_float(reference, origin):
        return _is_float(candidate, name)
    return reference.dtypes.get(origin) == candidate.dtypes.get(name)


def _is_float(graph: Graph, name: str) -> bool:
    dtype = graph.dtypes.get(name)
    return dtype is not None and bool(np.issubdtype(np.dtype(dtype), np.floating))
