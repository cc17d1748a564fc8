"""Where the time of a run goes in each engine, as a page for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oxidizedvision.benchmark import words
from oxidizedvision.benchmark.engine_profile import tables
from oxidizedvision.benchmark.engine_profile.report import GROUPINGS, EngineProfile, Grouping
from oxidizedvision.core.files import write_text
from oxidizedvision.report.charts import grouped_chart
from oxidizedvision.report.page import render

_BARS = 12


def write_html(
    report: EngineProfile,
    path: str | Path,
    *,
    by: Sequence[Grouping] = GROUPINGS,
    top: int = tables.TOP,
    depth: int | None = None,
) -> None:
    """Write a profile of the engines as one offline HTML page with bars and tables.

    Args:
        report: What was found.
        path: The page.
        by: The parts of the page.
        top: Rows of each table.
        depth: As of `EngineProfile.by_module`.

    Raises:
        OxidizedVisionError: `file_system`; `usage` for a depth below 1.
    """
    write_text(Path(path), render_engine_profile(report, by, top, depth))


def render_engine_profile(
    report: EngineProfile,
    by: Sequence[Grouping] = GROUPINGS,
    top: int = tables.TOP,
    depth: int | None = None,
) -> str:
    """The page."""
    parts = [_part(report, grouping, top, depth) for grouping in by]
    return render(
        "engine_profile.html.j2",
        report=report,
        parts=[part for part in parts if part],
        sentences=tables.sentences(report, by),
        machine=words.machine_text(report.machine),
    )


def _part(
    report: EngineProfile, by: Grouping, top: int, depth: int | None
) -> dict[str, Any] | None:
    table = tables.side_table(report, by, top=top, depth=depth)
    if table is None:
        return None
    # In this order an engine has the same colour in both charts.
    engines = [
        engine.name
        for engine in sorted(tables.engines_by(report, by), key=lambda e: not e.knows_operators)
    ]
    rows = report.rows(by, depth)[:_BARS]
    groups = [(row.label, [row.ms.get(name) for name in engines]) for row in rows]
    return {"by": by, "table": table, "chart": grouped_chart(groups, engines, "ms")}
