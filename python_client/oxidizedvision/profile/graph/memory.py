"""Memory of an ONNX graph's activations, when its nodes run in the file's order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oxidizedvision.onnx_graph import nested_graphs
from oxidizedvision.profile.graph.constants import constant_nodes
from oxidizedvision.profile.graph.load import input_values
from oxidizedvision.profile.graph.nested import deep_names
from oxidizedvision.profile.graph.values import UNKNOWN, Values, values_of

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

_VIEWS = frozenset({"Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators whose first output is their first input under another shape: no memory of its own."""


@dataclass
class Memory:
    """Bytes that one run makes, the most that it holds at once, and the node at which it does."""

    made: int = 0
    peak: int = 0
    peak_node: int | None = None


@dataclass
class _Lives:
    """When values are used for the last time. A view's memory is that of what it shows."""

    owner: dict[str, str] = field(default_factory=dict)
    last_use: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: GraphProto) -> _Lives:
        lives = cls()
        for index, node in enumerate(graph.node):
            if is_view(node):
                lives.owner[node.output[0]] = lives.owner_of(node.input[0])
            for name in (*deep_names(node), *node.output):
                lives.last_use[lives.owner_of(name)] = index
        for output in graph.output:
            lives.last_use[lives.owner_of(output.name)] = len(graph.node)
        return lives

    def owner_of(self, name: str) -> str:
        return self.owner.get(name, name)


def is_view(node: NodeProto) -> bool:
    """Whether a node's first output needs no memory of its own."""
    return node.op_type in _VIEWS and node.domain in ("", "ai.onnx")


def memory_of(graph: GraphProto, values: Values) -> Memory:
    """Follow the values of a graph. Inputs stay to the end, as the caller holds them.

    What no input changes is no activation: engines compute it once, before they run.

    Raises:
        UnknownLengthError: where the size of a value is not known.
    """
    lives = _Lives.of(graph)
    live = sum(values.get(value.name, UNKNOWN).bytes for value in input_values(graph))
    memory = Memory(peak=live)
    held: dict[str, int] = {}
    constant = constant_nodes(graph)
    for index, node in enumerate(graph.node):
        if index in constant:
            continue
        made = [name for name in node.output if name and name not in lives.owner]
        for name in made:
            held[name] = values.get(name, UNKNOWN).bytes
            live += held[name]
            memory.made += held[name]
        inner = _nested(node, values)
        memory.made += inner.made
        if live + inner.peak > memory.peak:
            memory.peak, memory.peak_node = live + inner.peak, index
        for name in [name for name in held if lives.last_use[name] <= index]:
            live -= held.pop(name)
    return memory


def _nested(node: NodeProto, values: Values) -> Memory:
    """Of the graphs that a node holds the one that needs most, run once."""
    found = [memory_of(graph, values_of(graph, values)) for graph in nested_graphs([node])]
    return max(found, key=lambda memory: memory.peak, default=Memory())
