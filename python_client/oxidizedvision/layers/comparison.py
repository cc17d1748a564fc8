"""The two ways to compare: every layer, or only what a bisection looks at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.results import Notify
from oxidizedvision.layers.accumulated import Trace, measure_accumulated, traced
from oxidizedvision.layers.bisect import crossing, first_wrong, last_readers
from oxidizedvision.layers.engines import REFERENCE
from oxidizedvision.layers.findings import notes_of, with_calls
from oxidizedvision.layers.graph import Graph
from oxidizedvision.layers.limits import OutputLimits, limits_of
from oxidizedvision.layers.local import (
    Bench,
    is_doubtful,
    make_layers,
    measure_alone,
    measure_local,
)
from oxidizedvision.layers.meeting import meetings
from oxidizedvision.layers.noise import precision_of
from oxidizedvision.layers.report import Layer, LayerReport, OutputError, first_diverging
from oxidizedvision.layers.sides import Runs, Side, checked_inputs
from oxidizedvision.runners.target import UNAVAILABLE_KINDS

if TYPE_CHECKING:
    from oxidizedvision.core.manifest import Precision
    from oxidizedvision.core.tensors import Array


@dataclass
class Comparison:
    """The work of one `compare`: what is known of the two sides so far."""

    reference: Side
    candidate: Side
    inputs: Mapping[str, Array]
    limits: OutputLimits | float | None
    notify: Notify
    _trace: Trace = field(default_factory=lambda: Trace({}, {}))
    _got: dict[str, Array] = field(default_factory=dict)
    _failure: str = ""

    def full(self) -> LayerReport:
        """Every layer, in as few runs as the engine permits."""
        names = list(self.meets)
        self._look_at([*names, *self._outputs])
        layers = self._accumulated(names)
        self.notify(f"running every layer of {self.candidate.label} by itself")
        layers = measure_local(self._bench, layers)
        if self._failure and not any(layer.failure for layer in layers):
            layers = self._with_first_refused(layers)
        return self._report("full", layers)

    def _with_first_refused(self, layers: Sequence[Layer]) -> list[Layer]:
        """The layer at whose end the candidate, run up to there, begins to fail."""
        self.notify(f"looking for what {self.candidate.engine.name} refuses")
        runs = self._runs[1]
        given = checked_inputs(runs.graph, self.inputs, self.candidate.name)
        low, high, reason = -1, len(layers) - 1, self._failure
        while high - low > 1:
            middle = (low + high) // 2
            try:
                runs.values([layers[middle].tensor], [given])
                low = middle
            except OxidizedVisionError as error:
                high, reason = middle, error.message
        found = list(layers)
        found[high] = dataclasses.replace(found[high], failure=reason)
        return found

    def bisected(self) -> LayerReport:
        """The first layer that diverges, and the layers that were looked at on the way."""
        order = [name for name, origin in self.meets.items() if name == origin]
        found = first_wrong(len(order), lambda places: self._right(order, places))
        if self._failure:
            return self.full()  # what does not run as a whole is found layer by layer
        self._look_at(self._outputs)
        if found is None:
            return self._report("bisect", self._accumulated(self._seen))
        self.notify(f"running the layers before {order[found]} by themselves")
        suspects = self._leading_to(order[found])
        self._look_at([*suspects, *self._read_by(suspects)])
        self._look_at_reference(self._read_by_reference(suspects))
        alone = measure_alone(self._bench, self._accumulated(suspects))
        faulty = [layer for layer in alone if layer.faulty]
        if not faulty or any(is_doubtful(self._bench, layer) for layer in faulty):
            return self.full()  # which layer is the fault, only the others can tell
        measured = {layer.tensor: layer for layer in alone}
        layers = [measured.get(layer.tensor, layer) for layer in self._accumulated(self._seen)]
        return self._report("bisect", layers)

    def moved(self) -> list[OutputError]:
        """The outputs of the whole that are beyond a limit, as `LayerReport.moved`."""
        self._look_at(self._outputs)
        return [output for output in self._output_errors() if output.moved]

    def everything(self, *, folded: bool = True) -> Bench:
        """The two sides with every value of the reference; the candidate was not run.

        Args:
            folded: With what follows from shapes alone as constants, so that it can be cut
                anywhere; else the graphs as they are.
        """
        self._look_at_reference(self.meets.values())
        if folded:
            return self._bench
        reference, candidate = self._runs
        return dataclasses.replace(self._bench, reference=reference, candidate=candidate)

    @cached_property
    def _graphs(self) -> tuple[Graph, Graph]:
        shapes = {name: array.shape for name, array in self.inputs.items()}
        return Graph(self.reference.model, shapes), Graph(self.candidate.model, shapes)

    @cached_property
    def _runs(self) -> tuple[Runs, Runs]:
        reference, candidate = self._graphs
        return Runs(reference, self.reference.engine), Runs(candidate, self.candidate.engine)

    @cached_property
    def _folded(self) -> tuple[Runs, Runs]:
        """Both sides with what follows from shapes alone as constants: these can be cut up."""
        reference, candidate = self._graphs
        values = {n: v for n, v in self._trace.values.items() if n in reference.static}
        other = {n: values[n] for n in candidate.static_edges if n in values}
        left = [name for name in candidate.static_edges if name not in values]
        if left:
            runs = Runs(candidate, REFERENCE)
            given = checked_inputs(candidate, self.inputs, self.candidate.name)
            other.update(runs.possible(left, given))
        typed = {n: v.astype(candidate.dtypes.get(n, v.dtype.name)) for n, v in other.items()}
        graphs = reference.folded(values), candidate.folded(typed)
        return Runs(graphs[0], self.reference.engine), Runs(graphs[1], self.candidate.engine)

    @cached_property
    def meets(self) -> dict[str, str]:
        """By tensor of the candidate the one of the reference that it stands for."""
        reference, candidate = self._graphs
        self._look_at_reference(())
        for graph, runs in zip(self._graphs, self._folded, strict=True):
            graph.adopt_shapes(runs.graph)
        given = self.reference.values
        known = {*(reference.tensors if given is None else given), *reference.inputs}
        return meetings(reference, candidate, known)

    @cached_property
    def precision(self) -> Precision:
        """The coarsest of the candidate."""
        return precision_of(self._graphs[1].nodes, self._graphs[1])

    @cached_property
    def _apart(self) -> Precision:
        """The precision in which the two sides differ: in one engine both may round alike."""
        reference = self._graphs[0]
        alike = precision_of(reference.nodes, reference) == self.precision
        return "fp32" if alike and self._same_engine else self.precision

    @property
    def _same_engine(self) -> bool:
        return self.reference.values is None and self.reference.engine == self.candidate.engine

    @cached_property
    def _outputs(self) -> list[str]:
        return [name for name in self._graphs[1].outputs if name in self.meets]

    @property
    def _seen(self) -> list[str]:
        return [name for name in self.meets if name in self._got]

    @property
    def _bench(self) -> Bench:
        given = checked_inputs(self._graphs[0], self.inputs, self.reference.name)
        values = {**given, **self._trace.values}
        matched = self.reference.values is not None
        return Bench(*self._folded, self.meets, values, self._same_engine, matched)

    def _look_at(self, names: Sequence[str]) -> None:
        """Run both sides for tensors that were not looked at yet."""
        self._look_at_reference(self.meets[name] for name in names)
        runs = self._runs[1]
        new = [name for name in dict.fromkeys(names) if name not in self._got]
        if new and not self._failure:
            self.notify(f"running {self.candidate.label}")
            given = checked_inputs(runs.graph, self.inputs, self.candidate.name)
            self._got.update(self._whole(runs, new, given))

    def _look_at_reference(self, names: Iterable[str]) -> None:
        runs = self._runs[0]
        known = {*self._trace.values, *runs.graph.inputs}
        origins = dict.fromkeys([*names, *runs.graph.static_edges])
        wanted = [name for name in origins if name not in known]
        if not wanted:
            return
        self.notify(f"running {self.reference.label}")
        given = checked_inputs(runs.graph, self.inputs, self.reference.name)
        trace = traced(runs, wanted, given, self._apart)
        fixed = self.reference.values or {}
        self._trace.values.update({name: fixed.get(name, trace.values[name]) for name in wanted})
        self._trace.moved.update(self._moved(trace))

    def _moved(self, trace: Trace) -> dict[str, Array]:
        """What rounding makes of values; those of PyTorch are moved as the graph's are."""
        fixed = self.reference.values or {}
        return {
            name: fixed[name] + (moved - trace.values[name]) if name in fixed else moved
            for name, moved in trace.moved.items()
        }

    def _whole(
        self, runs: Runs, names: Sequence[str], inputs: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Tensors of the candidate in a run of the whole; none where it fails.

        An engine may run the model and yet not give every tensor within it: those are left out.
        """
        try:
            return runs.values(names, [inputs])[0]
        except OxidizedVisionError as error:
            if error.kind in UNAVAILABLE_KINDS:
                raise
        try:
            found = runs.values(runs.graph.outputs, [inputs])[0]
        except OxidizedVisionError as error:
            self._failure = error.message
            return {}
        return found | runs.possible(names, inputs)

    def _accumulated(self, names: Sequence[str]) -> list[Layer]:
        layers = make_layers(self._bench, names)
        return measure_accumulated(self._bench, layers, self._got, self._trace, self._apart)

    def _right(self, order: Sequence[str], places: Sequence[int]) -> list[bool]:
        """Whether all that crosses the cuts after these places is within its noise."""
        readers = last_readers(self._graphs[1], order)
        cuts = [crossing(order, readers, place) for place in places]
        self._look_at(list(dict.fromkeys(name for cut in cuts for name in cut)))
        wrong = {la.tensor for la in self._accumulated(self._seen) if _diverges(la)}
        return [not wrong & {*cut} for cut in cuts]

    def _leading_to(self, name: str) -> list[str]:
        """A tensor, and the rounded forms of what it is made from."""
        graph = self._graphs[1]
        direct = {known for known, origin in self.meets.items() if known == origin}
        nodes = set(graph.needed([name], direct))
        return [
            t for t in self.meets if t == name or (graph.producers[t] in nodes and t not in direct)
        ]

    def _read_by(self, names: Sequence[str]) -> list[str]:
        """The tensors that these are made from."""
        graph = self._graphs[1]
        nodes = graph.needed(names, self.meets)
        read = {source for index in nodes for source in graph.reads(index)}
        return [name for name in self.meets if name in read]

    def _read_by_reference(self, names: Sequence[str]) -> list[str]:
        """What the reference makes the same tensors from."""
        graph = self._graphs[0]
        known = {*self.meets.values()}
        nodes = graph.needed([self.meets[name] for name in names], known)
        read = {source for index in nodes for source in graph.reads(index)}
        return [name for name in known if name in read]

    def _report(self, mode: str, layers: Sequence[Layer]) -> LayerReport:
        reference, candidate = self.reference, self.candidate
        made = with_calls(layers, reference.calls)
        graph, runs = self._graphs[1], not self._failure
        return LayerReport(
            model=candidate.name,
            reference=reference.label,
            candidate=candidate.label,
            mode=mode,
            layers=made,
            first=first_diverging(made, runs=runs),
            outputs=self._output_errors(),
            failure=self._failure,
            runs=sum(each.count for each in (*self._runs, *self._folded)),
            notes=notes_of(reference, candidate, graph, self.meets, made, runs=runs),
        )

    def _output_errors(self) -> tuple[OutputError, ...]:
        limits = self.limits
        if not isinstance(limits, OutputLimits):
            limits = limits_of(self.precision, limits)
        values = self._bench.values
        return tuple(
            limits.error(name, values[self.meets[name]], self._got[name])
            for name in self._outputs
            if name in self._got
        )


def _diverges(layer: Layer) -> bool:
    return layer.accumulated is not None and layer.accumulated.diverges
