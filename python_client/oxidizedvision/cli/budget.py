"""A budget and what was measured, as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxidizedvision.cli.render import Table, View, number_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxidizedvision.budget import BudgetFigure, BudgetReport, Lever


def budget_views(budget: BudgetReport | None) -> list[View]:
    """The best row of each limit, who was left out, what was tried, and the verdict."""
    if budget is None:
        return []
    bad = frozenset(index for index, row in enumerate(budget.limits) if not row.kept)
    columns = ("limit", "best", "kept", "allowed", "measured", "room")
    rows = [_row(row) for row in budget.limits]
    views: list[View] = [Table(columns, rows, "budget", bad, numbers_from=3)] if rows else []
    views += [f"{name} failed its last validation: it keeps no budget." for name in budget.left_out]
    views += [f"{name} was not checked: nothing measured it." for name in budget.unchecked]
    views.append(budget.words)
    if not budget.kept and not budget.levers:
        views.append("hint: `oxidizedvision benchmark CONFIG --levers` tries what may keep it.")
    return views


def lever_views(levers: Sequence[Lever]) -> list[View]:
    """What was tried beside what is configured, and how to get what helped."""
    views: list[View] = []
    for lever in levers:
        views.append(lever.words)
        if lever.helped or lever.keeps:
            views.append(f"  to get it: {lever.how}")
    return views


def _row(row: BudgetFigure) -> tuple[str, ...]:
    kept = ("yes" if row.kept else "NO") + (", within noise" if row.within_noise else "")
    room = "" if row.share is None else f"{(1 - row.share) * 100:+.1f} %"
    allowed = f"{row.allowed:g}"
    return (row.limit, row.candidate, kept, allowed, number_text(row.value, ".4g"), room)
