"""What a comparison must say beside its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from oxidizedvision.diff.machines import machine_notes
from oxidizedvision.diff.report import Difference, DiffOptions
from oxidizedvision.diff.sides import Side

_OF_PROCESSES = frozenset({"latency", "load", "first_result", "memory"})
_NOISY = 0.10
"""Limits beyond it are said: the gate is blind to what it is there for."""


def notes(
    a: Side, b: Side, options: DiffOptions, differences: Sequence[Difference]
) -> tuple[str, ...]:
    """How the sides differ beside their figures, and what could not be compared; no line twice."""
    metrics = frozenset(options.metrics or ())
    lines = [*a.notes, *b.notes, *_models(a, b)]
    if metrics & _OF_PROCESSES:
        lines += [*_machines(a, b, options), *_measured(a), *_measured(b), *_noisy(differences)]
    if "accuracy" in metrics:
        lines += _validations(a, b)
    return tuple(dict.fromkeys(lines))


def _models(a: Side, b: Side) -> Iterator[str]:
    one, other = a.summary, b.summary
    names = [summary.model.partition("@")[0] for summary in (one, other)]
    if all(names) and names[0] != names[1]:
        yield f"The models have other names: {one.model}, then {other.model}."
    if one.sha256 and other.sha256 and one.sha256 != other.sha256:
        yield "The model files differ."
    for what, before, after in (("inputs", a.inputs, b.inputs), ("outputs", a.outputs, b.outputs)):
        if before and after and before != after:
            yield f"The {what} differ: {', '.join(before)}, then {', '.join(after)}."


def _machines(a: Side, b: Side, options: DiffOptions) -> Iterator[str]:
    elsewhere = machine_notes(a, b)
    yield from elsewhere
    if elsewhere and options.across_machines:
        yield "Latency, load and memory decide all the same, because --across-machines asks for it."
    elif elsewhere:
        yield (
            "Latency, load and memory are therefore shown and do not decide; with "
            "--across-machines they do."
        )


def _measured(side: Side) -> Iterator[str]:
    source = side.summary.source
    if not side.rows:
        yield f"{source} has no benchmark: times and memory are not compared."
    elif any(not row.windows_ms for row in side.rows):
        yield (
            f"{source} is too old to tell its noise: its medians are compared by the floor alone, "
            "and a load that was timed once is no regression."
        )
    elif any(len(row.windows_ms) == 1 for row in side.rows):
        yield (
            f"{source} measured in one process: how processes differ is not in its intervals, and "
            "a load that was timed once is no regression."
        )


def _noisy(differences: Sequence[Difference]) -> Iterator[str]:
    limits = [row.limit for row in differences if row.metric == "latency" and row.limit is not None]
    worst = max((limit for limit in limits if math.isfinite(limit)), default=0.0)
    if worst > _NOISY:
        yield (
            f"Noise hides changes of latency up to {worst * 100:.0f} %. A quieter machine, or more "
            "--processes, would show smaller ones."
        )


def _validations(a: Side, b: Side) -> Iterator[str]:
    for side in (a, b):
        if not side.checks and not side.errors:
            yield f"{side.summary.source} has no validation: accuracy is not compared."
        elif not side.checks:
            yield f"{side.summary.source} tells errors without a verdict: accuracy is told only."
    if a.tolerance and b.tolerance and a.tolerance != b.tolerance:
        yield (
            f"The validations have other tolerances: {_tolerances(a)}, then {_tolerances(b)}. "
            "Each side passed or failed by its own."
        )


def _tolerances(side: Side) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in side.tolerance.items())
