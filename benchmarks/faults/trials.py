"""What becomes of one network: faults that are to be found, clean copies, and bad operators."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.faults.operators import BadEngine, bad_engines
from benchmarks.faults.planting import Fault, kinds_of, planted
from benchmarks.faults.subjects import Subject, quantised, subject_of
from benchmarks.zoo.architecture import Architecture
from benchmarks.zoo.measure import case_error
from oxidizedvision.layers import REFERENCE, LayerReport, RunnerEngine, Side, compare, reduce
from oxidizedvision.layers.graph import Graph
from oxidizedvision.onnx_file import decode_onnx
from oxidizedvision.optimize.slimming import slimmed
from oxidizedvision.runners import availability

Array = NDArray[Any]

ENGINES = ("onnxruntime", "tract", "rten", "openvino")
REDUCED_NODES = range(50, 201)
MOST_LEFT = 3


@dataclass(frozen=True)
class FaultTrial:
    """One fault.

    moved: the largest relative error of an output. found: by each mode, the layer that is ranked
    first; empty where none diverges.
    """

    network: str
    kind: str
    nodes: tuple[str, ...]
    op_type: str
    detail: str
    moved: float
    tolerance: float
    full: str
    bisect: str
    seconds: float

    @property
    def inert(self) -> bool:
        """Whether no output is moved beyond the tolerance."""
        return self.moved <= self.tolerance

    @property
    def right(self) -> bool:
        """Whether the layer that is ranked first is the one with the fault."""
        return self.full in self.nodes


@dataclass(frozen=True)
class CleanTrial:
    """One model without a fault: `alarm` is empty where none was raised."""

    network: str
    variant: str
    alarm: str


@dataclass(frozen=True)
class ReducedTrial:
    """One bad operator: how many nodes are left, and whether one of them is that operator."""

    network: str
    engine: str
    nodes_before: int
    nodes: int
    holds_operator: bool
    tried: int
    seconds: float

    @property
    def small(self) -> bool:
        """Whether it is as small as promised."""
        return 0 < self.nodes <= MOST_LEFT and self.holds_operator


@dataclass(frozen=True)
class Outcome:
    """All trials of one network; `skipped` says which clean copies could not be made, and why."""

    network: str
    nodes: int = 0
    faults: Sequence[FaultTrial] = ()
    clean: Sequence[CleanTrial] = ()
    reduced: Sequence[ReducedTrial] = ()
    skipped: Sequence[str] = ()
    failure: str = ""


@dataclass
class Plan:
    """How many trials of a network: faults, and bad operators; `offset` rotates the kinds."""

    faults: int
    reduced: int
    clean: bool = True
    offset: int = 0
    engines: Sequence[str] = field(default=ENGINES)


def trials_of(architecture: Architecture, folder: Path, plan: Plan) -> Outcome:
    """Convert a network and try all that is planned."""
    subject = subject_of(architecture, folder)
    faults = list(fault_trials(subject, plan.faults, plan.offset))
    clean, skipped = clean_trials(subject, plan.engines) if plan.clean else ([], [])
    reduced = list(reduced_trials(subject, plan.reduced, plan.offset))
    nodes = len(subject.graph.nodes)
    return Outcome(architecture.name, nodes, faults, clean, reduced, skipped)


def fault_trials(subject: Subject, count: int, offset: int = 0) -> Iterator[FaultTrial]:
    """So many faults, each at a node that is chosen by chance, the kinds in turns."""
    generator = np.random.default_rng([offset, *subject.name.encode()])
    rounded = quantised(subject)
    places = [(subject, kind) for kind in kinds_of(subject.graph)]
    if any(node.op_type == "QuantizeLinear" for node in rounded.graph.nodes):
        places.append((rounded, "scale"))
    turns = itertools.cycle(places[offset % len(places) :] + places[: offset % len(places)])
    for clean, kind in itertools.islice(turns, count):
        made = planted(clean.graph, kind, generator, _wanted(clean, rounded))
        if made is not None:
            yield fault_trial(clean, *made)


def _wanted(clean: Subject, rounded: Subject) -> str:
    """Of a QDQ model only the scales of its quantised tensors are of interest."""
    return "QuantizeLinear" if clean is rounded else ""


def fault_trial(clean: Subject, bad: Graph, fault: Fault) -> FaultTrial:
    """Compare a graph that has a fault with the one that has none."""
    start = time.monotonic()
    moved = [
        _moved(*pair) for pair in zip(clean.answers(clean.graph), clean.answers(bad), strict=True)
    ]
    picture = clean.pictures[int(np.argmax(moved))]
    found = [_compared(clean, bad, picture, full=full) for full in (True, False)]
    return FaultTrial(
        network=clean.name,
        kind=fault.kind,
        nodes=fault.nodes,
        op_type=fault.op_type,
        detail=fault.detail,
        moved=max(moved),
        tolerance=clean.tolerance,
        full=_first(found[0]),
        bisect=_first(found[1]),
        seconds=round(time.monotonic() - start, 1),
    )


def _moved(wanted: Mapping[str, Array], got: Mapping[str, Array]) -> float:
    return case_error(list(got.values()), list(wanted.values()))


def _compared(
    clean: Subject, bad: Graph, picture: Mapping[str, Array], *, full: bool
) -> LayerReport:
    sides = (Side(graph.model, REFERENCE, clean.name) for graph in (clean.graph, bad))
    return compare(*sides, picture, full=full, tolerance=clean.tolerance)


def _first(report: LayerReport) -> str:
    ranked = report.ranked
    return ranked[0].node if ranked else ""


def clean_trials(subject: Subject, engines: Sequence[str]) -> tuple[list[CleanTrial], list[str]]:
    """The same model in other engines, and simplified; those that do not run it are left out."""
    reference = Side(subject.graph.model, REFERENCE, subject.name)
    sides = {
        name: Side(subject.graph.model, RunnerEngine(name), subject.name)
        for name in engines
        if availability(name).ready
    }
    simple = decode_onnx(slimmed(subject.graph.model.SerializeToString(), []), Path(subject.name))
    sides["simplified"] = Side(simple, RunnerEngine("onnxruntime"), subject.name)
    trials, skipped = [], []
    for variant, side in sides.items():
        report = compare(
            reference, side, subject.pictures[0], full=True, tolerance=subject.tolerance
        )
        if report.failure:
            skipped.append(f"{variant} does not run {subject.name}: {report.failure}")
        else:
            trials.append(CleanTrial(subject.name, variant, _alarm(report)))
    return trials, skipped


def _alarm(report: LayerReport) -> str:
    if report.first is not None:
        return report.first.title
    return ", ".join(f"output {output.name}" for output in report.moved)


def reduced_trials(subject: Subject, count: int, offset: int = 0) -> Iterator[ReducedTrial]:
    """So many bad operators, where the graph is of the size that is promised."""
    if len(subject.graph.nodes) not in REDUCED_NODES:
        return
    engines = bad_engines(subject.graph)
    for number in range(min(count, len(engines))):
        yield reduced_trial(subject, engines[(number + offset) % len(engines)])


def reduced_trial(subject: Subject, engine: BadEngine) -> ReducedTrial:
    """Reduce a model that a bad engine runs."""
    start = time.monotonic()
    reference = Side(subject.graph.model, REFERENCE, subject.name)
    candidate = Side(subject.graph.model, engine, subject.name)
    found = reduce(reference, candidate, subject.pictures[0], None)
    return ReducedTrial(
        network=subject.name,
        engine=engine.name,
        nodes_before=len(subject.graph.nodes),
        nodes=len(found.nodes),
        holds_operator=engine.op_type in found.operators,
        tried=found.tried,
        seconds=round(time.monotonic() - start, 1),
    )
