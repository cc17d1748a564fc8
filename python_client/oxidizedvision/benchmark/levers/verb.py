"""Levers: made, proved on the goldens, measured beside the reference, and told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from oxidizedvision.benchmark.candidate import Candidate, names
from oxidizedvision.benchmark.levers.making import made
from oxidizedvision.benchmark.levers.outcome import Tried, lever_of
from oxidizedvision.benchmark.levers.tries import find_tries
from oxidizedvision.benchmark.plan import Settings
from oxidizedvision.benchmark.report import BenchmarkReport
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
    tries = find_tries(where, candidates, base, device=settings.device, failing=failing)
    device = None if settings.device == "cpu" else settings.device
    with made(where, tries, device=device, timeout_s=settings.timeout_s, notify=notify) as found:
        labels = {it: _label(candidates, c) for it, c in found.ready.items()}
        plain = {it.counterpart for it in found.ready}
        beside = _reference(report, measured)
        beside |= {name: c for name, c in measured.items() if c in plain}
        beside |= {labels[it]: c for it, c in found.ready.items()}
        sitting = measure(
            where,
            list(beside.values()),
            _few(settings, next(iter(beside), None)),
            labels=list(beside),
            notify=notify,
        )
    variants = {labels[it]: it.candidate.variant for it in found.ready}
    rows = {
        row.name: dataclasses.replace(row, variant=variants[row.name], lever=True)
        for row in sitting.results
        if row.name in variants
    }
    before = {
        measured[row.name]: row
        for row in (*report.results, *sitting.results)
        if row.name in measured
    }
    reasons = _reasons(sitting)
    tried = [
        Tried(
            it,
            rows.get(labels.get(it, "")),
            before.get(it.counterpart),
            found.refused.get(it) or reasons.get(labels.get(it, ""), ""),
        )
        for it in tries
    ]
    return dataclasses.replace(
        report,
        results=(*report.results, *rows.values()),
        levers=tuple(lever_of(each, report.budget, limits) for each in tried),
    )


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


def _reasons(sitting: BenchmarkReport) -> dict[str, str]:
    """By row, why it was not measured."""
    failed = {row.runner: row.message for row in sitting.failures}
    return failed | {row.name: row.hint for row in sitting.unavailable}
