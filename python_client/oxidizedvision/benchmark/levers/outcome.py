"""What a lever came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oxidizedvision.benchmark.levers.tries import Try
from oxidizedvision.benchmark.report import BenchmarkResult
from oxidizedvision.budget import BudgetReport, Lever, LeverFigure, figures_of, keeps
from oxidizedvision.config import BudgetConfig

FLOORS = {"latency_ms": 0.03, "first_result_ms": 0.10, "size_mb": 0.01, "peak_mib": 0.05}
"""By how much a figure must be smaller to have been helped; the floors of `diff`."""


@dataclass(frozen=True)
class Tried:
    """A lever with its row and that of its counterpart; `refused` where it has no row."""

    it: Try
    row: BenchmarkResult | None
    before: BenchmarkResult | None
    refused: str = ""


def lever_of(tried: Tried, budget: BudgetReport | None, limits: BudgetConfig | None) -> Lever:
    """What became of a lever, in the figures that the nearest candidate misses.

    Args:
        tried: What was measured.
        budget: The budget without levers; None for every figure.
        limits: Its limits.
    """
    it, row = tried.it, tried.row
    if row is None:
        return Lever(it.tried, "", helped=False, how=it.how, refused=tried.refused)
    figures = tuple(_figure(name, tried.before, row) for name in _wanted(budget))
    return Lever(
        tried=it.tried,
        figure=", ".join(figure.words for figure in figures),
        helped=any(figure.helped for figure in figures),
        candidate=row.name,
        figures=figures,
        keeps=limits is not None and bool(limits.limits) and keeps(limits, row),
        how=it.how,
    )


def _wanted(budget: BudgetReport | None) -> Sequence[str]:
    missed = [figure.limit for figure in budget.figures if not figure.kept] if budget else []
    return missed or list(FLOORS)


def _figure(name: str, before: BenchmarkResult | None, after: BenchmarkResult) -> LeverFigure:
    old = figures_of(before)[name] if before is not None else None
    new = figures_of(after)[name]
    helped = old is not None and new is not None and new < old * (1 - FLOORS[name])
    return LeverFigure(name, old, new, helped)
