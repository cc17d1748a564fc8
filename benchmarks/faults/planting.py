"""Faults as they happen, put into a graph: one at a node that is chosen by chance.

Each changes one node and keeps the shapes of all tensors. What is returned is the new model and
what was done to which node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from oxidizedvision.layers.graph import Graph

Array = NDArray[Any]
Generator = np.random.Generator

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_POOLS = ("Conv", "MaxPool", "AveragePool")
_NORMS = ("BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization")
_SCALED = (*_NORMS, "QuantizeLinear")
_MODES = ("half_pixel", "align_corners", "asymmetric")
_SMALL = 1e-2
"""Constants that are added and below this are epsilons of norms that were exported as parts."""


@dataclass(frozen=True)
class Fault:
    """What was done to which node; `nodes` are two where a scale belongs to both."""

    kind: str
    nodes: tuple[str, ...]
    op_type: str
    detail: str


@dataclass(frozen=True)
class Site:
    """A node of a graph that a fault can be put into."""

    graph: Graph
    index: int
    generator: Generator

    @property
    def node(self) -> NodeProto:
        """The node in the model, to be changed in place."""
        return self.graph.model.graph.node[self.index]

    @property
    def reader(self) -> NodeProto | None:
        """The node that makes a quantised tensor a number again; None for other nodes."""
        nodes = self.graph.model.graph.node
        readers = [nodes[n] for n in self.graph.consumers.get(self.node.output[0], ())]
        found = (node for node in readers if node.op_type == "DequantizeLinear")
        return next(found, None) if self.node.op_type == "QuantizeLinear" else None

    def names(self) -> tuple[str, ...]:
        """The nodes that a fault here is in."""
        pair = (self.node, self.reader)
        return tuple(node.name or node.output[0] for node in pair if node is not None)

    def constant(self, place: int) -> Array | None:
        """The value of an input that is an initialiser; None for all others."""
        names = list(self.node.input)
        if place >= len(names) or names[place] not in self.graph.constants:
            return None
        return numpy_helper.to_array(self.graph.constants[names[place]])

    def replace(self, place: int, value: Array) -> None:
        """Give this node another constant; nodes that share the old one keep it."""
        name = f"{self.node.input[place]}.fault"
        tensor = numpy_helper.from_array(np.ascontiguousarray(value), name)
        self.graph.model.graph.initializer.append(tensor)
        self.node.input[place] = name

    def attribute(self, name: str, default: Any = None) -> Any:
        """The value of an attribute."""
        found = [item for item in self.node.attribute if item.name == name]
        return helper.get_attribute_value(found[0]) if found else default

    def set(self, name: str, value: Any) -> None:
        """Give an attribute another value."""
        kept = [item for item in self.node.attribute if item.name != name]
        copies = [type(item).FromString(item.SerializeToString()) for item in kept]
        del self.node.attribute[:]
        self.node.attribute.extend([*copies, helper.make_attribute(name, value)])


Change = Callable[[Site], str]
"""Changes the node, and says how; an empty text where it cannot be changed so."""


def planted(
    graph: Graph, kind: str, generator: Generator, op_type: str = ""
) -> tuple[Graph, Fault] | None:
    """The graph with one fault of this kind; None where no node takes it.

    Only nodes of the operator `op_type` take it, where one is named.
    """
    operators = (op_type,) if op_type else OPERATORS[kind]
    order = generator.permutation(len(graph.nodes))
    for index in (int(number) for number in order):
        node = graph.nodes[index]
        if node.op_type not in operators or graph.static.issuperset(node.output):
            continue
        changed = Graph(graph.model)
        site = Site(changed, index, generator)
        detail = CHANGES[kind](site)
        if detail:
            return Graph(changed.model), Fault(kind, site.names(), site.node.op_type, detail)
    return None


def _weight(site: Site) -> str:
    """One weight, one filter or all of them."""
    value = site.constant(1)
    if value is None or value.ndim < 2:
        return ""
    changed = value.astype(np.float32).copy()
    how = site.generator.choice(["one weight", "one filter", "all weights"])
    if how == "one weight":
        place = tuple(int(site.generator.integers(length)) for length in value.shape)
        changed[place] += 3 * float(value.std())
    elif how == "one filter":
        axis = 0 if site.node.op_type == "Conv" else value.ndim - 1
        slices = [slice(None)] * value.ndim
        slices[axis] = slice(
            int(site.generator.integers(value.shape[axis])), None, value.shape[axis]
        )
        changed[tuple(slices)] *= 1.2
    else:
        changed += 0.01 * float(value.std()) * site.generator.standard_normal(value.shape)
    site.replace(1, changed.astype(value.dtype))
    return str(how)


def _padding(site: Site) -> str:
    """One place more before and one less after, or another border."""
    if site.node.op_type == "Pad":
        mode = site.attribute("mode", b"constant")
        site.set("mode", b"edge" if mode == b"constant" else b"constant")
        return f"mode {mode.decode()} changed"
    pads = list(site.attribute("pads", []))
    half = len(pads) // 2
    axes = [axis for axis in range(half) if pads[axis] > 0]
    if not axes:
        return ""
    axis = int(site.generator.choice(axes))
    pads[axis] -= 1
    pads[axis + half] += 1
    site.set("pads", pads)
    return f"pads are {pads}"


def _corners(site: Site) -> str:
    """Another grid of sample points."""
    mode = site.attribute("coordinate_transformation_mode", b"half_pixel").decode()
    other = str(site.generator.choice([name for name in _MODES if name != mode]))
    site.set("coordinate_transformation_mode", other)
    return f"{mode} became {other}"


def _channels(site: Site) -> str:
    """Two inputs of a Concat, or two input channels of a layer with weights, change places."""
    if site.node.op_type == "Concat":
        return _swapped_inputs(site)
    value = site.constant(1)
    axis = 1 if site.node.op_type == "Conv" else 0
    if site.node.op_type == "Gemm" and site.attribute("transB", 0):
        axis = 1
    if value is None or value.ndim < 2 or value.shape[axis] < 2:
        return ""
    first, second = (int(n) for n in site.generator.choice(value.shape[axis], 2, replace=False))
    order = np.arange(value.shape[axis])
    order[[first, second]] = order[[second, first]]
    site.replace(1, np.take(value, order, axis))
    return f"channels {first} and {second}"


def _swapped_inputs(site: Site) -> str:
    names = list(site.node.input)
    sizes = site.graph.sizes
    pairs = [
        (i, j)
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if names[i] != names[j] and names[i] in sizes and sizes[names[i]] == sizes.get(names[j])
    ]
    if not pairs:
        return ""
    i, j = pairs[int(site.generator.integers(len(pairs)))]
    site.node.input[i], site.node.input[j] = names[j], names[i]
    return f"inputs {i} and {j}"


def _epsilon(site: Site) -> str:
    """A hundred times as much, at least 1e-3."""
    if site.node.op_type in _NORMS:
        before = float(site.attribute("epsilon", 1e-5))
        after = max(100 * before, 1e-3)
        site.set("epsilon", after)
        return f"{before:g} became {after:g}"
    for place in (0, 1):
        value = site.constant(place)
        if value is not None and value.size == 1 and 0 < float(value.reshape(())) < _SMALL:
            before = float(value.reshape(()))
            after = max(100 * before, 1e-3)
            site.replace(place, np.full_like(value, after))
            return f"{before:g} became {after:g}"
    return ""


def _scale(site: Site) -> str:
    """A factor of a norm, of a product, or of a quantised tensor."""
    factor = float(site.generator.choice([0.8, 0.95, 1.05, 1.25]))
    for place in (1, 0):
        value = site.constant(place)
        is_scaled = site.node.op_type in _SCALED
        if value is None or value.dtype != np.float32 or (is_scaled and place == 0):
            continue
        reader = site.reader
        site.replace(place, value * np.float32(factor))
        if reader is not None:
            reader.input[place] = site.node.input[place]
        return f"times {factor:g}"
    return ""


CHANGES: dict[str, Change] = {
    "weight": _weight,
    "padding": _padding,
    "align_corners": _corners,
    "channel order": _channels,
    "epsilon": _epsilon,
    "scale": _scale,
}
OPERATORS: dict[str, tuple[str, ...]] = {
    "weight": _WEIGHTED,
    "padding": (*_POOLS, "Pad"),
    "align_corners": ("Resize",),
    "channel order": (*_WEIGHTED, "Concat"),
    "epsilon": (*_NORMS, "Add"),
    "scale": (*_SCALED, "Mul", "Div"),
}


def kinds_of(graph: Graph) -> Iterator[str]:
    """The kinds of faults that some node of a graph takes."""
    for kind in CHANGES:
        if planted(graph, kind, np.random.default_rng(0)) is not None:
            yield kind
