"""Which nodes of a graph belong to which call of an nn.Module, and what each call makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oxidizedvision.onnx_notes import MODULE, ROOT, note_of

if TYPE_CHECKING:
    from oxidizedvision.layers.graph import Graph


@dataclass(frozen=True)
class Ends:
    """What the calls of modules make for others.

    tensors: by module the tensor of each call, in the order of the calls. untold: by module that
    is called several times, why that is not certain. Modules of which the graph has no node, and
    those called once that make several tensors, are in neither.
    """

    tensors: Mapping[str, tuple[str, ...]]
    untold: Mapping[str, str]


def nodes_by_module(graph: Graph) -> dict[str, list[int]]:
    """By module the nodes that come from it or from the modules within it, in the graph's order."""
    inside: dict[str, list[int]] = {}
    for index, node in enumerate(graph.nodes):
        path = note_of(node, MODULE)
        while path and path != ROOT:
            inside.setdefault(path, []).append(index)
            path = path.rpartition(".")[0]
    return inside


def ends_of(graph: Graph, calls: Mapping[str, int]) -> Ends:
    """The tensors that modules make for others, call by call.

    Calls of one module follow each other in the graph, so its nodes are parted evenly. That is
    certain where each part has the same operators and makes one tensor.

    Args:
        graph: With the notes of `convert`.
        calls: By module how often it was called.
    """
    tensors: dict[str, tuple[str, ...]] = {}
    untold: dict[str, str] = {}
    known = {*graph.tensors}
    for path, nodes in nodes_by_module(graph).items():
        count = calls.get(path, 0)
        parts = _parts(graph, nodes, count)
        made = [[n for n in graph.leaving(part) if n in known] for part in parts]
        if parts and all(len(names) == 1 for names in made):
            tensors[path] = tuple(names[0] for names in made)
        elif count > 1:
            untold[path] = _reason(nodes, parts)
    return Ends(tensors, untold)


def _parts(graph: Graph, nodes: Sequence[int], count: int) -> list[Sequence[int]]:
    """The nodes of each call; none where they cannot be told apart."""
    if count == 0 or len(nodes) % count:
        return []
    length = len(nodes) // count
    parts = [nodes[start : start + length] for start in range(0, len(nodes), length)]
    operators = {tuple(graph.nodes[index].op_type for index in part) for part in parts}
    return parts if len(operators) == 1 else []


def _reason(nodes: Sequence[int], parts: Sequence[Sequence[int]]) -> str:
    if parts:
        return "a call makes several tensors for others, or none"
    return f"which of its {len(nodes)} nodes belong to which call is not certain"
