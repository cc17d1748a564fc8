"""What each goal looks at, and how two candidates compare by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oxidizedvision.benchmark.report import BenchmarkResult
from oxidizedvision.benchmark.statistics import ratio
from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import GOALS

Sample = Sequence[Sequence[float]]
Span = tuple[float, float]


@dataclass(frozen=True)
class Goal:
    """One goal.

    sample: what a candidate costs, by process; less is better. figure: the same for people, in
    `unit`. better: how the chosen one is told against the next. spread: whether a sample shows
    how much the figure varies.
    """

    name: str
    unit: str
    sample: Callable[[BenchmarkResult], Sample]
    figure: Callable[[BenchmarkResult], float]
    better: str
    spread: bool = True

    def advantage(self, row: BenchmarkResult, other: BenchmarkResult) -> tuple[float, Span]:
        """How many times better a row is than another, and the 95 % interval of it."""
        centre, interval = ratio(self.sample(row), self.sample(other))
        return centre, interval if self.spread else (centre, centre)


def _windows(row: BenchmarkResult) -> Sample:
    return row.windows_ms


def _windows_per_input(row: BenchmarkResult) -> Sample:
    return [[window / row.batch_size for window in windows] for windows in row.windows_ms]


_GOALS = (
    Goal("latency", "ms", _windows, lambda row: row.p50_ms, "{times} times the speed of {other}"),
    Goal(
        "throughput",
        "per s",
        _windows_per_input,
        # Of typical runs, as the intervals are: one run that was held up shifts an average.
        lambda row: 1000 * row.batch_size / row.p50_ms,
        "{times} times the throughput of {other}",
    ),
    Goal(
        "memory",
        "MiB",
        lambda row: [[row.peak_rss_mib]],
        lambda row: row.peak_rss_mib,
        "{other} takes {times} times the memory",
        spread=False,
    ),
    # Candidates of one size are told apart by their latency.
    Goal("size", "ms", _windows, lambda row: row.p50_ms, "{times} times the speed of {other}"),
    Goal(
        "cold-start",
        "ms",
        lambda row: [[value] for value in row.first_results_ms],
        lambda row: row.first_result_ms,
        "the first result of {other} takes {times} times as long",
    ),
)


def goal_named(name: str) -> Goal:
    """The goal of this name.

    Raises:
        OxidizedVisionError: `usage` when there is none.
    """
    for goal in _GOALS:
        if goal.name == name:
            return goal
    raise OxidizedVisionError(
        Kind.USAGE,
        f"There is no goal {name!r}{nearest(name, GOALS)}",
        f"Goals: {', '.join(GOALS)}.",
    )
