"""The error of every layer by itself: all of them in one run, each given the reference's inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.layers.graph import GIVEN
from oxidizedvision.layers.measures import errors_of
from oxidizedvision.layers.meeting import (
    PASSING,
    next_known,
    stands_for_certain,
    structure_differs,
)
from oxidizedvision.layers.noise import (
    EXACT,
    PRECISIONS,
    approximation_of,
    margin_of,
    noise_between,
    precision_of,
    shaken,
    with_coarse_weights,
)
from oxidizedvision.layers.report import Layer
from oxidizedvision.layers.shapes import set_shape
from oxidizedvision.layers.sides import MOST_RUNS
from oxidizedvision.onnx_notes import MODULE, note_of
from oxidizedvision.runners.target import UNAVAILABLE_KINDS

if TYPE_CHECKING:
    from onnx import ModelProto

    from oxidizedvision.core.manifest import Precision
    from oxidizedvision.core.tensors import Array
    from oxidizedvision.layers.graph import Graph
    from oxidizedvision.layers.sides import Runs


@dataclass(frozen=True)
class Bench:
    """Everything that layers are compared with.

    meets: by tensor of the candidate the one of the reference that it stands for. values: of the
    reference, the model's inputs included. same_engine: whether both sides run alike. matched:
    whether the reference is no ONNX graph, and which tensors it has values of is inferred.
    """

    reference: Runs
    candidate: Runs
    meets: Mapping[str, str]
    values: Mapping[str, Array]
    same_engine: bool
    matched: bool = False

    def margin(self, precision: Precision) -> float:
        """The multiple of the noise that is allowed."""
        return margin_of(precision, same_engine=self.same_engine)

    def apart(self, tensors: Sequence[str], given: Collection[str]) -> Precision:
        """The precision in which the two sides differ where they make tensors of the candidate.

        In one engine, what both round to is the same: then they differ no more than in FP32.
        """
        found = _precision(self.candidate.graph, tensors, given)
        if found == "fp32" or not self.same_engine:
            return found
        origins = [self.meets[name] for name in tensors if name in self.meets]
        known = {self.meets.get(name, name) for name in given}
        return "fp32" if found == _precision(self.reference.graph, origins, known) else found


def _precision(graph: Graph, tensors: Sequence[str], given: Collection[str]) -> Precision:
    return precision_of((graph.nodes[n] for n in graph.needed(tensors, given)), graph)


def make_layers(bench: Bench, tensors: Iterable[str]) -> list[Layer]:
    """The layers that end in these tensors of the candidate; nothing is measured yet."""
    order = {name: index for index, name in enumerate(bench.candidate.graph.tensors)}
    return [_layer(bench, name, order[name]) for name in tensors]


def _layer(bench: Bench, name: str, index: int) -> Layer:
    graph = bench.candidate.graph
    nodes = [graph.nodes[number] for number in graph.needed([name], bench.meets)]
    last = graph.nodes[graph.producers[name]]
    return Layer(
        index=index,
        tensor=name,
        stands_for=bench.meets[name],
        node=last.name or last.output[0],
        op_type=last.op_type,
        module=note_of(last, MODULE),
        nodes=tuple(node.name or node.output[0] for node in nodes),
        precision=precision_of(nodes, graph),
    )


def measure_local(bench: Bench, layers: Sequence[Layer]) -> list[Layer]:
    """The layers with their own errors, or with why they cannot run alone.

    The reference's value of every tensor must be known.
    """
    measured = measure_alone(bench, layers)
    doubtful = [layer for layer in measured if is_doubtful(bench, layer)]
    if not doubtful:
        return measured
    renamed = _renamed(bench, doubtful)
    roots = _roots(bench, [layer for layer in doubtful if layer.tensor in renamed])
    again = {layer.tensor: layer for layer in _measured_without(bench, roots)}
    found = []
    for layer in measured:
        new = again.get(layer.tensor, layer)
        is_renamed = layer.tensor in roots or (new.faulty and layer.tensor in renamed)
        new = dataclasses.replace(layer, local=new.local, failure=new.failure)
        found.append(dataclasses.replace(new, renamed=is_renamed))
    return found


def measure_alone(bench: Bench, layers: Sequence[Layer]) -> list[Layer]:
    """As `measure_local`, with every name taken to stand for one value."""
    return _Local(bench, bench.meets).measured(layers)


def is_doubtful(bench: Bench, layer: Layer) -> bool:
    """Whether a layer that seems at fault may only have another value under its name."""
    graph = bench.candidate.graph
    if not layer.faulty or layer.tensor in graph.outputs:
        return False
    if stands_for_certain(graph, layer.tensor, layer.stands_for):
        return False
    return bench.matched or structure_differs(bench.reference.graph, graph, layer.tensor)


def _renamed(bench: Bench, doubtful: Sequence[Layer]) -> set[str]:
    """Those whose readers are right once the tensor between is the candidate's own."""
    names = {layer.tensor for layer in doubtful}
    wrong = {layer.tensor for layer in _measured_without(bench, names) if layer.faulty}
    given = {name for name in bench.meets if name not in names}
    readers = {name: next_known(bench.candidate.graph, name, given) for name in names}
    return {name for name, found in readers.items() if found and not found & wrong}


def _roots(bench: Bench, layers: Sequence[Layer]) -> set[str]:
    """Those that do not read another one: what reads one was given a value of another meaning."""
    graph = bench.candidate.graph
    roots: set[str] = set()
    for layer in layers:
        nodes = graph.needed([layer.tensor], bench.meets)
        if not any(name in roots for index in nodes for name in graph.reads(index)):
            roots.add(layer.tensor)
    return roots


def _measured_without(bench: Bench, names: Collection[str]) -> list[Layer]:
    """The layers that read some tensors, when these are the candidate's own."""
    given = {name: origin for name, origin in bench.meets.items() if name not in names}
    readers = {r for name in names for r in next_known(bench.candidate.graph, name, given)}
    wanted = [name for name in given if name in readers]
    return _Local(bench, given).measured(make_layers(bench, wanted)) if wanted else []


@dataclass
class _Local:
    """Local errors where these tensors of the candidate are given."""

    bench: Bench
    given: Mapping[str, str]
    _moved: dict[str, Array] = field(default_factory=dict)
    _left: int = MOST_RUNS

    def measured(self, layers: Sequence[Layer]) -> list[Layer]:
        self._shake(layers)
        found: dict[str, Layer] = {}
        by_tensor = {layer.tensor: layer for layer in layers}
        for part in self.bench.candidate.chunks(list(by_tensor)):
            found |= self._run([by_tensor[name] for name in part])
        return [found[layer.tensor] for layer in layers]

    def _run(self, layers: Sequence[Layer]) -> dict[str, Layer]:
        """All in one run; where the engine refuses, halves of them, down to those it refuses."""
        candidate = self.bench.candidate
        model = candidate.graph.cut([layer.tensor for layer in layers], self.given)
        self._declare(model)
        case = {GIVEN + name: self._input(name) for name in self._names(model)}
        try:
            (got,) = candidate.run(model, [case])
        except OxidizedVisionError as error:
            if error.kind in UNAVAILABLE_KINDS:
                raise
            self._left -= 1
            if len(layers) == 1 or self._left <= 0:
                return {la.tensor: dataclasses.replace(la, failure=error.message) for la in layers}
            half = len(layers) // 2
            return self._run(layers[:half]) | self._run(layers[half:])
        return {layer.tensor: self._judged(layer, got[layer.tensor]) for layer in layers}

    def _names(self, model: ModelProto) -> list[str]:
        return [value.name.removeprefix(GIVEN) for value in model.graph.input]

    def _declare(self, model: ModelProto) -> None:
        """Shapes are the reference's: the candidate's own may be a fault's."""
        for value in (*model.graph.input, *model.graph.output):
            name = value.name.removeprefix(GIVEN)
            set_shape(value, self.bench.values[self.given.get(name, name)].shape)

    def _input(self, name: str) -> Array:
        """The reference's value in the candidate's element type."""
        value = self.bench.values[self.given.get(name, name)]
        return value.astype(self.bench.candidate.graph.dtypes.get(name, value.dtype.name))

    def _judged(self, layer: Layer, got: Array) -> Layer:
        reference = self.bench.values[layer.stands_for]
        noise = self._noise(layer, reference)
        margin = self.bench.margin(self._apart(layer))
        return dataclasses.replace(layer, local=errors_of(reference, got, noise, margin))

    def _noise(self, layer: Layer, reference: Array) -> float:
        noise = noise_between(reference, self._moved.get(layer.tensor), self._apart(layer))
        if self.bench.same_engine:
            return noise
        return max(noise, approximation_of(reference, self._operators(layer)))

    def _operators(self, layer: Layer) -> set[str]:
        graph = self.bench.candidate.graph
        return {graph.nodes[n].op_type for n in graph.needed([layer.tensor], self.given)}

    def _shake(self, layers: Sequence[Layer]) -> None:
        """Run the reference's own nodes on shaken inputs, once for each precision."""
        for precision in PRECISIONS:
            group = [la for la in layers if self._apart(la) == precision and self._rounds(la)]
            names = dict.fromkeys(layer.stands_for for layer in group)
            moved: dict[str, Array] = {}
            for part in self.bench.reference.chunks(list(names)):
                moved |= self._shaken(part, precision)
            self._moved |= {
                layer.tensor: moved[layer.stands_for]
                for layer in group
                if layer.stands_for in moved
            }

    def _rounds(self, layer: Layer) -> bool:
        """Whether the layer computes, so that its noise is not that of its result alone."""
        if layer.stands_for not in self.bench.reference.graph.producers:
            return False  # an input of the model, rounded
        operators = self._operators(layer)
        if layer.tensor != layer.stands_for and operators <= PASSING:
            return False
        return self._apart(layer) != "fp32" or not operators <= EXACT

    def _apart(self, layer: Layer) -> Precision:
        return self.bench.apart([layer.tensor], self.given)

    def _shaken(self, names: Sequence[str], precision: Precision) -> dict[str, Array]:
        """Tensors of the reference on shaken inputs; none where it does not run on them."""
        runs = self.bench.reference
        model = runs.graph.cut(names, {*self.given.values()})
        values = {name: self.bench.values[name] for name in self._names(model)}
        case = {GIVEN + name: shaken(array, precision, name) for name, array in values.items()}
        try:
            return runs.run(with_coarse_weights(model, precision), [case])[0]
        except OxidizedVisionError as error:
            if error.kind in UNAVAILABLE_KINDS:
                raise
            if len(names) == 1:
                return {}
            half = len(names) // 2
            return self._shaken(names[:half], precision) | self._shaken(names[half:], precision)
