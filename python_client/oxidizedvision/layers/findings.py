"""The parts of a comparison's report that are not errors of layers: outputs, names and notes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from oxidizedvision.layers.measures import relative_error
from oxidizedvision.layers.report import Layer, OutputError

if TYPE_CHECKING:
    from oxidizedvision.core.manifest import Precision
    from oxidizedvision.core.tensors import Array
    from oxidizedvision.layers.graph import Graph
    from oxidizedvision.layers.sides import Side

TOLERANCES: dict[Precision, float] = {"fp32": 1e-4, "fp16": 1e-2, "int8": 1e-1}
"""The largest difference of an output over its largest value, by the coarsest precision."""

_SHOWN = 3


def output_errors(
    wanted: Mapping[str, Array], got: Mapping[str, Array], tolerance: float
) -> tuple[OutputError, ...]:
    """The errors of those outputs that the candidate gave.

    Args:
        wanted: By the candidate's name, what the reference has.
        got: The candidate's tensors.
        tolerance: As in `OutputError`.
    """
    return tuple(
        OutputError(name, relative_error(array, got[name]), tolerance)
        for name, array in wanted.items()
        if name in got
    )


def with_calls(layers: Iterable[Layer], calls: Mapping[str, str]) -> tuple[Layer, ...]:
    """The layers, with the call in place of the module where that was called several times."""
    return tuple(
        dataclasses.replace(layer, module=calls[layer.stands_for])
        if layer.stands_for in calls
        else layer
        for layer in layers
    )


def notes_of(
    reference: Side,
    candidate: Side,
    graph: Graph,
    meets: Mapping[str, str],
    layers: Sequence[Layer],
    *,
    runs: bool,
) -> tuple[str, ...]:
    """What was not compared, and why.

    Args:
        reference: The one side.
        candidate: The other.
        graph: The candidate's.
        meets: By tensor of the candidate the one of the reference.
        layers: That were looked at.
        runs: Whether the candidate runs as a whole.
    """
    notes = [f"the reference has no output {name}" for name in graph.outputs if name not in meets]
    alone = [layer.node for layer in layers if layer.failure] if runs else []
    if alone:
        engine = candidate.engine.name
        notes.append(f"{engine} runs the whole and not these layers alone: {_some(alone)}")
    renamed = [layer.node for layer in layers if layer.renamed]
    if renamed:
        notes.append(
            f"under the name of what {_some(renamed)} makes, the two have values of other "
            "meanings, as where a tool joined nodes: what reads it is right, so it is no fault "
            "and has no figures"
        )
    apart = len(graph.tensors) - len(meets)
    if apart:
        notes.append(
            f"{apart} of {len(graph.tensors)} tensors have no counterpart in {reference.name}; "
            "they belong to the layers that read them"
        )
    return (*notes, *reference.notes)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
