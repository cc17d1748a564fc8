"""Which layers of an ONNX file the steps are that an engine made of it.

An engine rewrites the graph before it runs it: it makes one step of several nodes, computes what
is constant, and adds steps of its own. Values keep their names where they survive, and the names
of new steps hold those of the nodes or values that they come from; so most steps can be traced.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oxidizedvision.profile.graph.constants import constant_nodes
from oxidizedvision.profile.graph.load import input_values

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

_NODE = re.compile(r"oxvnode(\d+)(?!\d)")
_BLOCKED = re.compile(r"(.*)_nchwc(_token_\d+)?")
"""A step on blocked channels is named after the value that it gives."""

_LAYOUTS = frozenset({"ReorderInput", "ReorderOutput", "Reshape", "Transpose"})
_VIEWS = frozenset({"Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_WITH_SUM = 4
"""Inputs of a convolution on blocked channels: what it works on, filters, bias, and a sum."""

_EPILOGUES = frozenset(
    {
        "Add",
        "BatchNormalization",
        "Clip",
        "HardSigmoid",
        "LeakyRelu",
        "Mul",
        "QuantizeLinear",
        "Relu",
        "Sigmoid",
        "Tanh",
    }
)
"""What engines let a product do to its result before it is stored."""


def traceable_name(index: int) -> str:
    """A name for a node that is found again in the names of the steps made of it."""
    return f"oxvnode{index}"


@dataclass
class Placement:
    """Where the nodes of the file went.

    layer_of: By a step's name the node that its time belongs to: of those it was made of the one
    with the most multiply-adds. fused_into: By a node without a step, the node whose time holds
    its own. All other nodes were removed.
    """

    layer_of: dict[str, int] = field(default_factory=dict)
    fused_into: dict[int, int] = field(default_factory=dict)


def place(graph: GraphProto, optimized: GraphProto, macs: Sequence[int]) -> Placement:
    """Trace every step of the engine's graph to the nodes of the file's.

    The nodes of `graph` have the names that `traceable_name` gives; `macs` are theirs.
    """
    tracer = _Tracer(graph, optimized)
    placement = Placement()
    groups: dict[str, set[int]] = {}
    for step in tracer.hungry_first():
        seeds, members = tracer.seeds(step), tracer.group(step)
        if members:
            groups[step.name] = members
            weight = [(macs[index], index in seeds, index) for index in members]
            placement.layer_of[step.name] = max(weight)[-1]
    measured = set(placement.layer_of.values())
    for name, members in groups.items():
        for index in members - measured:
            placement.fused_into.setdefault(index, placement.layer_of[name])
    return placement


class _Tracer:
    def __init__(self, graph: GraphProto, optimized: GraphProto) -> None:
        nodes = graph.node
        self._nodes = nodes
        self._producer = {v: i for i, node in enumerate(nodes) for v in node.output if v}
        self._inputs = {value.name for value in input_values(graph)}
        self._consumers: defaultdict[str, list[int]] = defaultdict(list)
        for index, node in enumerate(nodes):
            for value in node.input:
                self._consumers[value].append(index)
        folded = {tensor.name for tensor in optimized.initializer}
        self._steps = list(optimized.node)
        self._moved: defaultdict[str, list[str]] = defaultdict(list)
        for step in filter(self._is_layout, self._steps):
            self._moved[step.input[0]].append(step.output[0])
        self._visible = {v for step in self._steps for v in (*step.input, *step.output)}
        self._visible |= {stem for step in self._steps if (stem := _stem(step.name))}
        self._claimed = {self._producer[v] for v in folded if v in self._producer}
        self._claimed |= constant_nodes(graph)
        for step in self._steps:
            self._claimed |= self.seeds(step)

    def hungry_first(self) -> Iterator[NodeProto]:
        """Steps whose results are not values of the file take what follows them first."""
        yield from sorted(self._steps, key=lambda step: bool(self._given(step)))

    def group(self, step: NodeProto) -> set[int]:
        """The nodes that a step was made of, as far as they can be told."""
        members = self.seeds(step)
        if members and not self._given(step):
            self._take_following(members, step)
        self._take_preceding(members)
        return members

    def _is_layout(self, step: NodeProto) -> bool:
        """Whether a step only gives the values of another one in another order or shape."""
        if step.op_type not in _LAYOUTS or _NODE.search(step.name):
            return False
        made = self._producer.get(step.output[0])
        return made is None or self._nodes[made].op_type not in _VIEWS

    def _given(self, step: NodeProto) -> set[int]:
        """The nodes whose results a step gives, in whatever order and shape."""
        if self._is_layout(step):
            return set()
        found: set[int] = set()
        waiting = list(step.output)
        while waiting:
            value = waiting.pop()
            if value in self._producer:
                found.add(self._producer[value])
            waiting += self._moved[value]
        return found

    def seeds(self, step: NodeProto) -> set[int]:
        """The nodes that a step's own name and results lead to."""
        named = {int(number) for number in _NODE.findall(step.name)}
        stem = _stem(step.name)
        if stem in self._producer:
            named.add(self._producer[stem])
        return self._given(step) | named

    def _take_following(self, members: set[int], step: NodeProto) -> None:
        """Take the element by element nodes that alone use the result, one after the other."""
        last = max(members)
        while True:
            users = [i for value in self._nodes[last].output for i in self._consumers[value]]
            if len(users) != 1 or users[0] in self._claimed:
                return
            follower = self._nodes[users[0]]
            if follower.op_type not in _EPILOGUES or self._lacks_operand(step, follower):
                return
            last = users[0]
            members.add(last)
            self._claimed.add(last)

    def _lacks_operand(self, step: NodeProto, follower: NodeProto) -> bool:
        """Whether a convolution on blocked channels is not given the sum that a node adds."""
        operands = [v for v in follower.input if v in self._producer or v in self._inputs]
        return bool(_stem(step.name)) and len(operands) > 1 and len(step.input) < _WITH_SUM

    def _take_preceding(self, members: set[int]) -> None:
        """Take what leads to the members and gives no value that a step still takes or gives."""
        waiting = list(members)
        while waiting:
            for index in self._hidden(self._nodes[waiting.pop()].input):
                members.add(index)
                self._claimed.add(index)
                waiting.append(index)

    def _hidden(self, values: Iterable[str]) -> Iterator[int]:
        for value in values:
            index = self._producer.get(value)
            if index is not None and value not in self._visible and index not in self._claimed:
                yield index


def _stem(name: str) -> str:
    found = _BLOCKED.fullmatch(name)
    return found[1] if found else ""
