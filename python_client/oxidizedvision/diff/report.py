"""What `diff` is asked for and what it found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError

SCHEMA_VERSION = 1

Interval = tuple[float, float]
"""Both ends of a 95 % confidence interval."""

Verdict = Literal["better", "worse", "no significant difference", "gone", "new"]

FLOORS: Mapping[str, float] = {
    "latency": 0.03,
    "load": 0.10,
    "first_result": 0.10,
    "memory": 0.05,
    "size": 0.01,
    "accuracy": 2.0,
}
"""Relative changes up to which nothing is a regression; of accuracy the factor of the error."""

METRICS = tuple(FLOORS)
DEFAULT_K = 2.0


@dataclass(frozen=True)
class DiffOptions:
    """What counts as a regression.

    Args:
        floors: By metric, in place of those in `FLOORS`: relative changes (0.05 for 5 %), of
            accuracy a factor.
        k: How many times its own noise a change must be.
        metrics: The metrics to look at; None means all of `METRICS`.
        across_machines: Whether times and memory of another machine, or of other versions, decide.
    """

    floors: Mapping[str, float] = field(default_factory=dict)
    k: float = DEFAULT_K
    metrics: Sequence[str] | None = None
    across_machines: bool = False

    def checked(self) -> DiffOptions:
        """The same with every floor, and every metric to look at.

        Raises:
            OxidizedVisionError: `usage` for an unknown metric or a number without a meaning.
        """
        for name in (*self.floors, *(self.metrics or ())):
            _refuse_unknown(name)
        for name, floor in self.floors.items():
            _refuse_below(f"The floor of {name}", floor, 1 if name == "accuracy" else 0)
        _refuse_below("k", self.k, 0)
        metrics = [name for name in METRICS if self.metrics is None or name in self.metrics]
        return DiffOptions({**FLOORS, **self.floors}, self.k, tuple(metrics), self.across_machines)


@dataclass(frozen=True)
class SideSummary:
    """What was compared: where it was read from, what that is, and which model it is about."""

    source: str
    kind: str
    model: str
    sha256: str | None


@dataclass(frozen=True)
class Difference:
    """One figure on both sides. Larger is worse, whatever the metric.

    metric: one of `METRICS`. subject: the benchmark's row, the file, or the runner and its output.
    figure: its key in the reports; `passed` (1 or 0) is whether the validation passed.
    before, after: None on a side that has none. ratio: after over before. interval: of the ratio,
    at 95 %; None where nothing tells it. limit: the relative change beyond which `worse` is a
    regression, of accuracy the factor. decides: whether it may be a regression at all.
    note: what else there is to know, in words; may be empty.
    """

    metric: str
    subject: str
    figure: str
    before: float | None
    after: float | None
    ratio: float | None
    interval: Interval | None
    limit: float | None
    verdict: Verdict
    decides: bool
    regression: bool
    note: str = ""


@dataclass(frozen=True)
class DiffReport:
    """The whole comparison of an earlier result `a` with a later one `b`.

    passed: something was compared, and nothing is a regression. compared: figures that both sides
    have. same_machine: whether times and memory are of the same processor and versions.
    notes: what differs between the sides beside the figures, in words.
    """

    schema_version: int
    a: SideSummary
    b: SideSummary
    passed: bool
    compared: int
    same_machine: bool
    k: float
    floors: Mapping[str, float]
    metrics: Sequence[str]
    notes: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def regressions(self) -> tuple[Difference, ...]:
        """The figures that are worse beyond their limits."""
        return tuple(row for row in self.differences if row.regression)

    @property
    def exit_code(self) -> ExitCode:
        """3 for a regression, 2 where the sides have no figure in common, else 0."""
        if self.regressions:
            return ExitCode.CHECK_FAILED
        return ExitCode.DONE if self.compared else ExitCode.BAD_INPUT


def _refuse_unknown(name: str) -> None:
    if name not in METRICS:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"There is no metric {name!r}{nearest(name, METRICS)}",
            f"The metrics are {', '.join(METRICS)}.",
        )


def _refuse_below(what: str, value: float, least: float) -> None:
    if not math.isfinite(value) or value < least:
        raise OxidizedVisionError(
            Kind.USAGE, f"{what} cannot be {value:g}", f"Use a number of {least:g} or more."
        )
