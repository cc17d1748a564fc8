"""The parts of a comparison's report that are not errors of layers: outputs, names and notes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from oxidizedvision.layers.report import Layer

if TYPE_CHECKING:
    from oxidizedvision.layers.graph import Graph
    from oxidizedvision.layers.sides import Side

_SHOWN = 3


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
