"""Whether a part of a graph still fails in an engine, given the reference's values at its edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.layers.graph import GIVEN
from oxidizedvision.layers.measures import Errors, errors_of
from oxidizedvision.layers.noise import (
    EXACT,
    approximation_of,
    floor_of,
    noise_between,
    shaken,
    with_coarse_weights,
)
from oxidizedvision.layers.shapes import set_shape
from oxidizedvision.runners.target import UNAVAILABLE_KINDS

if TYPE_CHECKING:
    from onnx import ModelProto

    from oxidizedvision.core.manifest import Precision
    from oxidizedvision.core.tensors import Array
    from oxidizedvision.layers.local import Bench

DIFFERS = "differs"
Nodes = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """Some nodes of the candidate as a model of their own, with what goes in and should come out.

    allowed: by output the largest root mean square of the difference that rounding explains; of
    integers and truth values the share that may differ.
    """

    nodes: Nodes
    model: ModelProto
    inputs: Mapping[str, Array]
    expected: Mapping[str, Array]
    allowed: Mapping[str, float]


@dataclass(frozen=True)
class Failure:
    """How a part fails: `kind` is `differs` or the kind of the engine's error."""

    kind: str
    message: str


@dataclass
class Trials:
    """Tries parts of the candidate in its engine, and remembers what became of them."""

    bench: Bench
    count: int = 0
    _known: dict[Nodes, Failure | None] = field(default_factory=dict)

    def failure(self, nodes: Iterable[int]) -> Failure | None:
        """How a part fails; None where it does not, or where it cannot be cut out."""
        whole = self.closed(nodes)
        if whole not in self._known:
            self._known[whole] = self._tried(self.part(whole))
        return self._known[whole]

    def closed(self, nodes: Iterable[int]) -> Nodes:
        """The nodes with those that make what the reference has no value of."""
        graph = self.bench.candidate.graph
        inside = set(nodes)
        open_ends = list(inside)
        while open_ends:
            for name in graph.reads(open_ends.pop()):
                index = graph.producers.get(name)
                if index is not None and index not in inside and name not in self.bench.meets:
                    inside.add(index)
                    open_ends.append(index)
        return tuple(sorted(inside))

    def part(self, nodes: Nodes) -> Part:
        """A closed set of nodes as a model."""
        graph = self.bench.candidate.graph
        model = graph.part(nodes)
        meets, values = self.bench.meets, self.bench.values
        kept = [value for value in model.graph.output if value.name in meets]
        del model.graph.output[:]
        model.graph.output.extend(kept)
        inputs = {v.name: values[meets.get(v.name, v.name)] for v in model.graph.input}
        typed = {n: a.astype(graph.dtypes.get(n, a.dtype.name)) for n, a in inputs.items()}
        expected = {value.name: values[meets[value.name]] for value in kept}
        for value in model.graph.input:
            set_shape(value, typed[value.name].shape)
        for value in model.graph.output:
            set_shape(value, expected[value.name].shape)
        precision = self.bench.apart([*expected], [*typed])
        margin = self.bench.margin(precision)
        floors = {name: margin * floor_of(array, precision) for name, array in expected.items()}
        return Part(nodes, model, typed, expected, floors)

    def with_noise(self, part: Part) -> Part:
        """The part with what rounding within it explains, which takes a run of the reference."""
        graph = self.bench.candidate.graph
        precision = self.bench.apart([*part.expected], [*part.inputs])
        if precision == "fp32" and {graph.nodes[n].op_type for n in part.nodes} <= EXACT:
            return part
        moved = self._moved(part, precision)
        allowed = {
            name: self.bench.margin(precision)
            * max(
                noise_between(array, moved.get(self.bench.meets[name]), precision),
                self._approximation(part.nodes, array),
            )
            for name, array in part.expected.items()
        }
        return Part(part.nodes, part.model, part.inputs, part.expected, allowed)

    def errors(self, part: Part, got: Mapping[str, Array]) -> dict[str, Errors]:
        """How far each output is from what was expected; the noise is all that is allowed."""
        return {
            name: errors_of(array, got[name], part.allowed[name], 1.0)
            for name, array in part.expected.items()
        }

    def _tried(self, part: Part) -> Failure | None:
        if not part.expected:
            return None
        self.count += 1
        try:
            (got,) = self.bench.candidate.run(part.model, [part.inputs])
        except OxidizedVisionError as error:
            if error.kind in UNAVAILABLE_KINDS:
                raise
            return Failure(error.kind.value, error.message)
        if not self._wrong(part, got):
            return None
        found = self._wrong(self.with_noise(part), got)
        return Failure(DIFFERS, found) if found else None

    def _wrong(self, part: Part, got: Mapping[str, Array]) -> str:
        """The output that is furthest off, in words; empty where rounding explains all."""
        errors = {name: e for name, e in self.errors(part, got).items() if e.diverges}
        if not errors:
            return ""
        worst = max(errors, key=lambda name: errors[name].excess)
        e = errors[worst]
        return (
            f"{worst} is off by {e.rms:.3g} (root mean square), rounding explains {e.noise:.3g}; "
            f"the largest difference is {e.max_error:.3g}"
        )

    def _approximation(self, nodes: Nodes, expected: Array) -> float:
        if self.bench.same_engine:
            return 0.0
        graph = self.bench.candidate.graph
        return approximation_of(expected, {graph.nodes[n].op_type for n in nodes})

    def _moved(self, part: Part, precision: Precision) -> dict[str, Array]:
        runs, meets = self.bench.reference, self.bench.meets
        wanted = [meets[n] for n in part.expected if meets[n] in runs.graph.producers]
        given = {meets.get(name, name) for name in part.inputs}
        if not wanted:
            return {}
        model = runs.graph.cut(wanted, given)
        names = [value.name.removeprefix(GIVEN) for value in model.graph.input]
        case = {GIVEN + n: shaken(self.bench.values[n], precision, n) for n in names}
        try:
            return runs.run(with_coarse_weights(model, precision), [case])[0]
        except OxidizedVisionError as error:
            if error.kind in UNAVAILABLE_KINDS:
                raise
            return {}
