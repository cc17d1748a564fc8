"""Stand-ins for an engine that computes one operator wrongly, alone or joined with its reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto

from oxidizedvision.layers import Engine, RunnerEngine
from oxidizedvision.layers.graph import Graph

Array = NDArray[Any]


def _becomes(op_type: str, inputs: int | None = None) -> Callable[[NodeProto], None]:
    def change(node: NodeProto) -> None:
        node.op_type = op_type
        del node.attribute[:]
        if inputs is not None:
            del node.input[inputs:]

    return change


def _swap(node: NodeProto) -> None:
    names = list(reversed(node.input))
    del node.input[:]
    node.input.extend(names)


WRONG: dict[str, Callable[[NodeProto], None]] = {
    "Relu": _becomes("LeakyRelu"),
    "HardSwish": _becomes("Relu"),
    "Add": _becomes("Sub"),
    "Mul": _becomes("Add"),
    "Sub": _swap,
    "Sigmoid": _becomes("HardSigmoid"),
    "HardSigmoid": _becomes("Sigmoid"),
    "GlobalAveragePool": _becomes("GlobalMaxPool"),
    "Clip": _becomes("Identity", 1),
    "Erf": _becomes("Tanh"),
    "Softmax": _becomes("Sigmoid"),
}
"""What an operator is computed as; shapes stay."""

JOINED = ("Conv", "Relu")
"""The pair that an engine may compute as one."""


@dataclass(frozen=True)
class BadEngine:
    """ONNX Runtime, but for one operator.

    op_type: the operator. joined: it is right by itself, and wrong where one follows `Conv` whose
    result nobody else wants, as in an engine that computes both as one.
    """

    op_type: str
    joined: bool = False
    engine: Engine = field(default_factory=lambda: RunnerEngine("onnxruntime"))

    @property
    def name(self) -> str:
        """What reports call it."""
        where = f" after {JOINED[0]}" if self.joined else ""
        return f"an engine with a wrong {self.op_type}{where}"

    def answers(
        self, model: ModelProto, cases: Sequence[Mapping[str, Array]]
    ) -> list[dict[str, Array]]:
        """The outputs of the model as this engine has them."""
        graph = Graph(model)
        for index in self.places(graph):
            WRONG[self.op_type](graph.model.graph.node[index])
        return self.engine.answers(graph.model, cases)

    def places(self, graph: Graph) -> list[int]:
        """The nodes that it computes wrongly."""
        return [
            index
            for index, node in enumerate(graph.nodes)
            if node.op_type == self.op_type
            and _makes_floats(graph, node)
            and (not self.joined or _follows(graph, node))
        ]


def _makes_floats(graph: Graph, node: NodeProto) -> bool:
    dtype = graph.dtypes.get(node.output[0], "float32")
    return bool(np.issubdtype(np.dtype(dtype), np.floating))


def _follows(graph: Graph, node: NodeProto) -> bool:
    source = node.input[0]
    before = graph.producers.get(source)
    return (
        before is not None
        and graph.nodes[before].op_type == JOINED[0]
        and source not in graph.outputs
        and len(graph.consumers[source]) == 1
    )


def bad_engines(graph: Graph) -> list[BadEngine]:
    """The stand-ins that a graph would notice."""
    engines = [BadEngine(op_type) for op_type in WRONG] + [BadEngine(JOINED[1], joined=True)]
    static = graph.static
    return [
        engine
        for engine in engines
        if any(not static.issuperset(graph.nodes[n].output) for n in engine.places(graph))
    ]
