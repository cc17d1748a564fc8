"""`reduce`: the smallest part of a model that still fails, in a folder that anyone can run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import ExitCode
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.layers.comparison import Comparison
from oxidizedvision.layers.engines import REFERENCE, Engine
from oxidizedvision.layers.limits import OutputLimits
from oxidizedvision.layers.reduction.bundle import Finding, check_place, write_bundle
from oxidizedvision.layers.reduction.minimise import minimise
from oxidizedvision.layers.reduction.trial import Trials
from oxidizedvision.layers.sides import Side, engine_of, side_of

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

SECONDS = 60.0
"""That loading or one run of a part may take: a model that hangs is a failure too."""

SEARCH_SECONDS = 600.0


@dataclass(frozen=True)
class Reduction:
    """What is left of a model that fails.

    Args:
        model: The candidate's name.
        engine: What it fails in.
        failing: Whether it does; else nothing was written.
        kind: `differs`, the kind of the engine's error, or `limits`: outputs of the whole are
            beyond what `validate` allows, and no part differs by more than rounding.
        message: How it fails.
        nodes: The ONNX nodes that are left, by name, or by their first output.
        operators: Their operators.
        nodes_before: Of the whole model.
        tried: How many parts were run.
        folder: The bundle; None where nothing was written.
        files: In it.
    """

    model: str
    engine: str
    failing: bool
    kind: str = ""
    message: str = ""
    nodes: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    nodes_before: int = 0
    tried: int = 0
    folder: Path | None = None
    files: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The code that the command line ends with."""
        return ExitCode.CHECK_FAILED if self.failing else ExitCode.DONE


def reduce(
    reference: str | Path | Side,
    candidate: str | Path | Side,
    inputs: Mapping[str, Array],
    folder: str | Path | None,
    *,
    engine: str | Engine = "onnxruntime",
    limits: OutputLimits | None = None,
    seconds: float = SEARCH_SECONDS,
    notify: Notify = silent,
) -> Reduction:
    """Find the least of a model that still fails, and write it down with its inputs.

    A model fails where it differs from the reference by more than rounding, or where the engine
    refuses it, ends its own process or does not end. Parts are cut out with the reference's
    values at their edges; each runs in a process of its own with a time limit.

    Args:
        reference: An ONNX file, which ONNX Runtime runs without its optimisation, or a `Side`.
        candidate: An ONNX file, which may be the same one, or a `Side`.
        inputs: Arrays by name, of shapes that both take.
        folder: Where the bundle goes; an older one is replaced. None writes nothing.
        engine: What runs a candidate that is a file.
        limits: What outputs are held to, as in `compare`.
        seconds: After so long the least that was found by then is taken.
        notify: Told what is being tried.

    Raises:
        OxidizedVisionError: as `compare`; `usage` for a folder that holds something else,
            `file_system`.
    """
    place = _checked(folder)
    sides = side_of(reference, REFERENCE), side_of(candidate, engine_of(engine, SECONDS))
    comparison = Comparison(*sides, inputs, limits, notify)
    for folded in (True, False):  # an engine may fail on what is worked out from shapes
        bench = comparison.everything(folded=folded)
        least = minimise(bench, seconds, notify)
        if least is not None:
            break
    else:
        return _beyond_limits(comparison, sides[1])
    trials = Trials(bench)
    part = trials.with_noise(trials.part(least.nodes))
    finding = Finding(part, least.failure, sides[1].engine, sides[1].name, sides[0].label)
    graph_nodes = bench.candidate.graph.nodes
    nodes = [graph_nodes[index] for index in least.nodes]
    return Reduction(
        model=sides[1].name,
        engine=sides[1].engine.name,
        failing=True,
        kind=least.failure.kind,
        message=least.failure.message,
        nodes=tuple(node.name or node.output[0] for node in nodes),
        operators=tuple(node.op_type for node in nodes),
        nodes_before=len(graph_nodes),
        tried=least.tried,
        folder=place,
        files=write_bundle(finding, place) if place is not None else (),
    )


def _checked(folder: str | Path | None) -> Path | None:
    """The folder of a bundle, where one is wanted."""
    if folder is not None:
        check_place(Path(folder))
    return None if folder is None else Path(folder)


def _beyond_limits(comparison: Comparison, candidate: Side) -> Reduction:
    """Where no layer is at fault: whether the outputs break their limits all the same."""
    broken = "; ".join(f"{output.name}: {output.broken}" for output in comparison.moved())
    found = Reduction(candidate.name, candidate.engine.name, failing=bool(broken))
    return dataclasses.replace(found, kind="limits", message=broken) if broken else found
