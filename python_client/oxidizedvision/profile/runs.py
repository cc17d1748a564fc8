"""How often a run is repeated to be timed, and what the times say; no heavy import."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

from oxidizedvision.profile.report import EngineStep, TimeReport

Result = TypeVar("Result")

THREADS = 1
WARMUP_RUNS = 2
FEWEST_RUNS = 3
MOST_RUNS = 20
_DISTURBED = 0.1
ENOUGH_S = 3.0
"""After this long no further run starts, once there are FEWEST_RUNS."""


@dataclass(frozen=True)
class Run:
    """Milliseconds of one run, and of its parts by name.

    held: The part of the time in which it had the processor, from 0 to 1.
    """

    total: float
    parts: Mapping[str, float] = field(default_factory=dict)
    held: float = 1.0


def clocked(run: Callable[[], object]) -> Run:
    """Time a run on one thread, without the time in which other programs had the processor."""
    start_cpu, start = time.thread_time_ns(), time.perf_counter_ns()
    run()
    wall = time.perf_counter_ns() - start
    cpu = min(time.thread_time_ns() - start_cpu, wall)
    return Run(cpu / 1e6, held=cpu / wall)


def warmed_up(run: Callable[[], object]) -> None:
    """Run without timing."""
    for _ in range(WARMUP_RUNS):
        run()


def repeated(run: Callable[[], Result]) -> list[Result]:
    """What each of the runs gave: MOST_RUNS of them, fewer where they are slow."""
    end = time.monotonic() + ENOUGH_S
    results: list[Result] = []
    while len(results) < FEWEST_RUNS or (len(results) < MOST_RUNS and time.monotonic() < end):
        results.append(run())
    return results


def median_run(runs: Sequence[Run]) -> Run:
    """The whole and each part, each as the median of the faster half of its own times.

    The slower half is where other programs took the processor. A part that a run did not come by
    took no time in it.
    """
    names = dict.fromkeys(name for run in runs for name in run.parts)
    parts = {name: _quiet([run.parts.get(name, 0.0) for run in runs]) for name in names}
    return Run(_quiet([run.total for run in runs]), parts)


def _quiet(times: Sequence[float]) -> float:
    faster = sorted(times)[: (len(times) + 1) // 2]
    return round(median(faster), 6)


@dataclass(frozen=True)
class Times:
    """Runs of a model as it is, and runs with every part watched."""

    unwatched: Sequence[Run]
    watched: Sequence[Run]

    def parts(self) -> Mapping[str, float]:
        """Milliseconds of every part."""
        return median_run(self.watched).parts

    def report(
        self,
        layers: Collection[str],
        engine: str,
        version: str,
        added: tuple[EngineStep, ...] = (),
    ) -> TimeReport:
        """The whole, split into the parts that are layers and the rest."""
        watched, total = median_run(self.watched), median_run(self.unwatched).total
        layers_ms = round(sum(watched.parts.get(name, 0.0) for name in layers), 6)
        return TimeReport(
            engine=engine,
            engine_version=version,
            threads=THREADS,
            warmup_runs=WARMUP_RUNS,
            runs=len(self.watched),
            total_ms=total,
            layers_ms=layers_ms,
            other_ms=round(max(total - layers_ms, 0.0), 6),
            watched_ms=watched.total,
            added=added,
        )

    def notes(self, report: TimeReport) -> list[str]:
        """What makes the numbers less than what they seem."""
        found = []
        if report.layers_ms > 1.1 * report.total_ms:
            found.append(
                f"watched one by one the layers take {report.layers_ms:.3g} ms, a whole run "
                f"{report.total_ms:.3g} ms: compare the layers with each other, not with the whole"
            )
        lost = 1 - median(run.held for run in self.unwatched)
        if lost > _DISTURBED:
            found.append(
                f"other programs had the processor for {lost:.0%} of the time: measure again when "
                "the machine is idle"
            )
        return found
