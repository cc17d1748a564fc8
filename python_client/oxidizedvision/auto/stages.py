"""Two stages: a short one that drops what is clearly worse, a full one among the finalists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from oxidizedvision.auto.goals import Goal
from oxidizedvision.auto.report import ChooseOptions, Dropped, candidate_text
from oxidizedvision.benchmark import verb
from oxidizedvision.benchmark.candidate import Candidate, names
from oxidizedvision.benchmark.harness import Plan
from oxidizedvision.benchmark.plan import Settings
from oxidizedvision.benchmark.report import BenchmarkReport, BenchmarkResult
from oxidizedvision.benchmark.statistics import LEAST_FLOOR
from oxidizedvision.core.results import Notify
from oxidizedvision.runners.target import Target

FINALISTS = 4
MOST_FINALISTS = 6
_NEAR = 1.05
"""So near the best, a candidate is a finalist beside `FINALISTS` others."""

CLEARLY = 1.3
"""Candidates whose whole interval is beyond so many times the best are left behind."""

SHORT, FULL = "short", "full"


@dataclass(frozen=True)
class Measured:
    """Candidates that were measured, the best first, and the others with the reason.

    stage: that of `results`. short: results of candidates that stayed behind.
    """

    results: tuple[BenchmarkResult, ...] = ()
    stage: str = SHORT
    short: tuple[BenchmarkResult, ...] = ()
    dropped: tuple[Dropped, ...] = ()


def measure(
    where: Target,
    goal: Goal,
    candidates: Sequence[Candidate],
    options: ChooseOptions,
    notify: Notify,
) -> Measured:
    """Measure candidates for a goal; `results` is empty where none could be measured."""
    plans = _plans(goal, options)
    by_name = dict(zip(names(candidates), candidates, strict=True))
    report = _measured(where, candidates, plans[SHORT], options, notify)
    dropped = _failures(report, by_name)
    own, doubles = _own_threads(report.results, by_name)
    dropped += doubles
    finalists, behind, reasons = _split(goal, ranked(goal, own))
    dropped += reasons
    if len(finalists) < 2:
        # Nobody is near: longer measuring would decide the same.
        return Measured((*finalists, *behind), SHORT, (), tuple(dropped))
    left = [by_name[row.name] for row in finalists]
    left_names = dict(zip(names(left), left, strict=True))
    report = _measured(where, left, plans[FULL], options, notify)
    dropped += _failures(report, left_names)
    return Measured(ranked(goal, report.results), FULL, tuple(behind), tuple(dropped))


def ranked(goal: Goal, results: Sequence[BenchmarkResult]) -> tuple[BenchmarkResult, ...]:
    """The best first; of those as good as the best, the one with the fewest threads."""
    if not results:
        return ()
    better = {row.name: goal.advantage(row, results[0])[0] for row in results}
    ordered = sorted(results, key=lambda row: -better[row.name])
    best = better[ordered[0].name]
    as_good = [row for row in ordered if best / better[row.name] <= 1 + LEAST_FLOOR]
    first = min(as_good, key=lambda row: (row.threads, ordered.index(row)))
    return (first, *(row for row in ordered if row is not first))


def _split(
    goal: Goal, ordered: Sequence[BenchmarkResult]
) -> tuple[list[BenchmarkResult], list[BenchmarkResult], list[Dropped]]:
    """Finalists, those that stay behind, and why."""
    finalists: list[BenchmarkResult] = []
    behind: list[BenchmarkResult] = []
    reasons: list[Dropped] = []
    best = row_text(ordered[0]) if ordered else ""
    for row in ordered:
        times, (least, _) = goal.advantage(ordered[0], row)
        if least > CLEARLY:
            reason = f"clearly worse in the short stage: {best} is {times:.2f} times"
        elif _is_full(finalists, times):
            reason = (
                f"not among the best {FINALISTS} of the short stage: the best is {times:.2f} times"
            )
        else:
            finalists.append(row)
            continue
        behind.append(row)
        reasons.append(Dropped(row_text(row), row.runner, f"{reason} as good"))
    return finalists, behind, reasons


def row_text(row: BenchmarkResult) -> str:
    """A measured candidate in words."""
    return candidate_text(row.runner, row.threads, row.batch_size, row.variant)


def _is_full(finalists: Sequence[BenchmarkResult], times: float) -> bool:
    most = MOST_FINALISTS if times <= _NEAR else FINALISTS
    return len(finalists) >= most


def _own_threads(
    results: Sequence[BenchmarkResult], by_name: Mapping[str, Candidate]
) -> tuple[list[BenchmarkResult], list[Dropped]]:
    """Leave out what is the same as another: an engine may use fewer threads than it was given."""
    own, dropped, seen = [], [], set()
    for row in results:
        key = (row.runner, row.variant, row.threads, row.batch_size)
        if key not in seen:
            own.append(row)
        else:
            asked = by_name[row.name].threads
            reason = f"it uses {row.threads} of the {asked} threads"
            text = candidate_text(row.runner, asked, row.batch_size, row.variant)
            dropped.append(Dropped(text, row.runner, reason))
        seen.add(key)
    return own, dropped


def _failures(report: BenchmarkReport, by_name: Mapping[str, Candidate]) -> list[Dropped]:
    rows = [(row.runner, row.message) for row in report.failures]
    rows += [(row.name, row.hint) for row in report.unavailable]
    found = []
    for name, reason in rows:
        candidate = by_name[name]
        text = candidate_text(
            candidate.runner, candidate.threads, candidate.batch_size, candidate.variant
        )
        found.append(Dropped(text, candidate.runner, f"it could not be measured: {reason}"))
    return found


def _measured(
    where: Target,
    candidates: Sequence[Candidate],
    plan: Plan,
    options: ChooseOptions,
    notify: Notify,
) -> BenchmarkReport:
    settings = Settings(
        plan=plan,
        batch_sizes=tuple(dict.fromkeys(candidate.batch_size for candidate in candidates)),
        threads=tuple(dict.fromkeys(candidate.threads for candidate in candidates)),
        device=options.device,
        reference=None,
        timeout_s=options.timeout_s,
    )
    return verb.measured(where, candidates, settings, notify=notify)


def _plans(goal: Goal, options: ChooseOptions) -> dict[str, Plan]:
    short, full = _OWN_PLANS.get(goal.name, (_SHORT, _FULL))
    if goal.name not in _OWN_PLANS or options.iters is not None:
        most = max(options.processes, full.most_processes) if options.processes > 1 else 1
        full = replace(full, processes=options.processes, most_processes=most)
        short = replace(short, processes=min(short.processes, options.processes))
    return {SHORT: _as_asked(short, options), FULL: _as_asked(full, options)}


def _as_asked(plan: Plan, options: ChooseOptions) -> Plan:
    if options.iters is not None:
        plan = replace(plan, iters=options.iters)
    if options.warmup_iters is not None:
        plan = replace(plan, warmup_iters=options.warmup_iters, warm_until_even=False)
    return plan


# One process is enough to see a factor of 1.3; it needs no interval between processes.
_SHORT = Plan(warmup_iters=3, processes=1, most_processes=1, window_s=0.05, most_s=0.5)
_FULL = Plan(processes=5, most_processes=7, most_s=1.0)
# What a process takes to start, or holds at most, is over after a few runs: processes count.
_OWN_PLANS = {
    "memory": (
        Plan(iters=5, warmup_iters=1, warm_until_even=False, processes=1),
        Plan(iters=15, warmup_iters=1, warm_until_even=False, processes=3),
    ),
    "cold-start": (
        Plan(iters=3, warmup_iters=1, warm_until_even=False, processes=3),
        Plan(iters=7, warmup_iters=1, warm_until_even=False, processes=7),
    ),
}
