"""Levers: made, proved on the goldens, measured beside the reference, and told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from oxidizedvision.benchmark.candidate import Candidate, names
from oxidizedvision.benchmark.levers.making import Made, made
from oxidizedvision.benchmark.levers.outcome import Tried, lever_of
from oxidizedvision.benchmark.levers.tries import Try, find_tries
from oxidizedvision.benchmark.plan import Settings
from oxidizedvision.benchmark.report import BenchmarkReport, BenchmarkResult
from oxidizedvision.budget import failing_runners
from oxidizedvision.config import BudgetConfig
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.runners.target import Target

_PROCESSES = 3
"""Fresh processes of each lever: enough for an interval, and no more."""


class Measure(Protocol):
    """`benchmark.verb.measured`."""

    def __call__(
        self,
        where: Target,
        candidates: Sequence[Candidate],
        settings: Settings,
        *,
        labels: Sequence[str] | None = None,
        notify: Notify = silent,
    ) -> BenchmarkReport:
        """The report on candidates."""


def try_levers(
    where: Target,
    report: BenchmarkReport,
    candidates: Sequence[Candidate],
    settings: Settings,
    *,
    measure: Measure,
    limits: BudgetConfig | None = None,
    notify: Notify = silent,
) -> BenchmarkReport:
    """A report with the rows of levers and what became of each; its budget stays as it was.

    Levers, the rows that they are compared with and the reference are measured in turns. Prepared
    models are made in processes apart and are gone in the end. What does not give the
    goldens' answers within the manifest's tolerance is not measured.

    Args:
        where: The model.
        report: What was measured.
        candidates: Of that report.
        settings: How those were measured; levers get fewer processes.
        measure: Measures candidates.
        limits: The budget that levers are for; None for every figure.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: where the goldens cannot be read.
    """
    if not candidates:
        return report
    measured = dict(zip(names(candidates), candidates, strict=True))
    base = measured.get(_nearest(report), candidates[0])
    failing = failing_runners(where.manifest.validation if where.manifest else None)
    device, timeout_s = settings.device, settings.timeout_s
    tries = find_tries(where, candidates, base, device=device, failing=failing)
    with made(where, tries, device=device, timeout_s=timeout_s, notify=notify) as found:
        labels = {it: _label(candidates, lever) for it, lever in found.ready.items()}
        beside = _beside(report, measured, found, labels)
        few = _few(settings, next(iter(beside), None))
        sitting = measure(where, list(beside.values()), few, labels=list(beside), notify=notify)
    rows = _marked(sitting, labels)
    before = _unmarked(measured, report, sitting)
    reasons = found.refused | _reasons(sitting, labels)
    tried = [
        Tried(it, rows.get(it), before.get(it.counterpart), reasons.get(it, "")) for it in tries
    ]
    return dataclasses.replace(
        report,
        results=(*report.results, *rows.values()),
        levers=tuple(lever_of(each, report.budget, limits) for each in tried),
    )


def _beside(
    report: BenchmarkReport,
    measured: Mapping[str, Candidate],
    found: Made,
    labels: Mapping[Try, str],
) -> dict[str, Candidate]:
    """What is measured in one sitting: the reference, the rows to compare with, the levers."""
    plain = {it.counterpart for it in found.ready}
    return (
        _reference(report, measured)
        | {name: candidate for name, candidate in measured.items() if candidate in plain}
        | {labels[it]: lever for it, lever in found.ready.items()}
    )


def _marked(sitting: BenchmarkReport, labels: Mapping[Try, str]) -> dict[Try, BenchmarkResult]:
    """The rows of levers, marked as such."""
    rows = {row.name: row for row in sitting.results}
    return {
        it: dataclasses.replace(rows[label], variant=it.candidate.variant, lever=True)
        for it, label in labels.items()
        if label in rows
    }


def _unmarked(
    measured: Mapping[str, Candidate], *reports: BenchmarkReport
) -> dict[Candidate, BenchmarkResult]:
    """The newest row of each candidate that is no lever."""
    rows = [row for report in reports for row in report.results]
    return {measured[row.name]: row for row in rows if row.name in measured}


def _label(candidates: Sequence[Candidate], lever: Candidate) -> str:
    """A name that none of the candidates has."""
    return names([*candidates, lever])[-1]


def _nearest(report: BenchmarkReport) -> str:
    """The name of the row to improve on."""
    if report.budget is not None and report.budget.candidate is not None:
        return report.budget.candidate
    return report.results[0].name if report.results else ""


def _reference(report: BenchmarkReport, measured: Mapping[str, Candidate]) -> dict[str, Candidate]:
    """The row that the others were compared with; it is measured once more, beside the levers."""
    compared = (row.versus.reference for row in report.results if row.versus is not None)
    name = next(compared, report.results[0].name if report.results else "")
    return {name: measured[name]} if name in measured else {}


def _few(settings: Settings, reference: str | None) -> Settings:
    processes = min(_PROCESSES, settings.plan.processes)
    plan = dataclasses.replace(settings.plan, processes=processes, most_processes=processes)
    return dataclasses.replace(settings, plan=plan, reference=reference)


def _reasons(sitting: BenchmarkReport, labels: Mapping[Try, str]) -> dict[Try, str]:
    """By lever, why it was not measured."""
    failed = {row.runner: row.message for row in sitting.failures}
    failed |= {row.name: row.hint for row in sitting.unavailable}
    return {it: failed[label] for it, label in labels.items() if label in failed}
