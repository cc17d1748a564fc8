"""A profile of the engines as tables and sentences for people, and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mode
from typing import Any

from oxidizedvision.benchmark.engine_profile.report import (
    GROUPINGS,
    EngineProfile,
    Grouping,
    ProfiledEngine,
)
from oxidizedvision.benchmark.engine_profile.sums import SideRow, rest_of
from oxidizedvision.benchmark.tables import TextTable, csv_text
from oxidizedvision.benchmark.words import NOTHING, ms_text
from oxidizedvision.core.files import write_text

TOP = 20
"""Rows of a table where nothing else is asked for."""
TOTAL, RUN = "total of the nodes", "a run without profiling"
EXPLANATION = (
    "Nodes are timed while they are watched: their total holds what watching costs, and lacks what "
    "the engine does between its nodes."
)


def engines_by(report: EngineProfile, by: Grouping) -> list[ProfiledEngine]:
    """The engines that have a column."""
    return [e for e in report.engines if by == "module" or e.knows_operators]


def side_table(
    report: EngineProfile, by: Grouping, *, top: int = TOP, depth: int | None = None
) -> TextTable | None:
    """The largest rows, the rest, the total and a run without profiling; None without engines."""
    engines = engines_by(report, by)
    if not engines:
        return None
    rows = report.rows(by, depth)
    cells = [(row.label, *(_ms(row.ms.get(engine.name)) for engine in engines)) for row in rows]
    if left := rows[top:]:
        rest = (_ms(rest_of(left, engine.name)) for engine in engines)
        cells[top:] = [(f"the rest ({len(left)} row{'s'[: len(left) - 1]})", *rest)]
    cells.append((TOTAL, *(_ms(engine.nodes_ms) for engine in engines)))
    cells.append((RUN, *(_ms(engine.run_ms) for engine in engines)))
    columns = (by, *(f"{engine.name} ms" for engine in engines))
    return TextTable(_title(report, engines, by), columns, cells, numbers_from=1)


def _title(report: EngineProfile, engines: Sequence[ProfiledEngine], by: Grouping) -> str:
    return f"{report.model} by {by}: {_threads(engines)}, batch {report.batch_size}"


def _threads(engines: Sequence[ProfiledEngine]) -> str:
    """Those of most engines, and which have others."""
    common = mode(engine.threads for engine in engines)
    others = [f"{engine.name} {engine.threads}" for engine in engines if engine.threads != common]
    words = "1 thread" if common == 1 else f"{common} threads"
    return f"{words} ({', '.join(others)})" if others else words


def sentences(report: EngineProfile, by: Sequence[Grouping] = GROUPINGS) -> list[str]:
    """What a reader of the tables should know, and the engines that are in none of them."""
    mean = f"Times are of one run, the mean of {report.runs}. "
    found = [mean + EXPLANATION] if report.engines else []
    fused = [f"{engine.name} {_fused(engine)}" for engine in report.engines if engine.fused]
    if fused:
        found.append(
            f"Fused into the nodes of others, whose rows hold the time: {'; '.join(fused)}."
        )
    if "operator" in by:
        found += [
            f"{engine.name} tells time by module, not by operator."
            for engine in report.engines
            if not engine.knows_operators
        ]
    found += [
        f"{engine.name} cannot tell where its time goes; a run takes {ms_text(engine.run_ms)} ms."
        for engine in report.untold
    ]
    return found


def _fused(engine: ProfiledEngine) -> str:
    return ", ".join(f"{op} × {n}" if n > 1 else op for op, n in engine.fused.items())


def _ms(value: float | None) -> str:
    """With as many decimals everywhere, so that the rows of a column can be seen to add up."""
    return NOTHING if value is None else f"{value:.3f}"


CSV_COLUMNS = (
    *("model", "engine", "status", "message", "engine_version", "device", "threads"),
    *("batch_size", "runs", "by", "name", "source", "ms", "share"),
)
"""Their order stays; new ones come at the end."""


def to_csv(report: EngineProfile, depth: int | None = None) -> str:
    """A line for each row and engine, below a heading; `by` says what a row is.

    `operator` and `module` are the rows, each kind adding up to `total`; `run` is a run without
    profiling. Engines that told nothing have a line with their `status`.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for line in _lines(report, depth):
        shared = {"model": report.model, "batch_size": report.batch_size, "runs": report.runs}
        writer.writerow({name: csv_text(value) for name, value in (shared | line).items()})
    return text.getvalue()


def write_csv(report: EngineProfile, path: str | Path, *, depth: int | None = None) -> None:
    """Write a profile of the engines as CSV; see `to_csv`.

    Raises:
        OxidizedVisionError: `file_system`; `usage` for a depth below 1.
    """
    write_text(Path(path), to_csv(report, depth))


def _lines(report: EngineProfile, depth: int | None) -> Iterator[dict[str, Any]]:
    sides = {by: report.rows(by, depth) for by in GROUPINGS}
    for engine in report.engines:
        yield from _engine_lines(engine, sides)
    for untold in report.untold:
        facts = {"engine": untold.name, "engine_version": untold.engine_version}
        yield facts | {"status": "cannot tell", "by": "run", "ms": untold.run_ms}
    for failure in report.failures:
        yield {"engine": failure.runner, "status": "failed", "message": failure.message}
    for gone in report.unavailable:
        yield {"engine": gone.name, "status": gone.status, "message": gone.hint}


def _engine_lines(
    engine: ProfiledEngine, sides: dict[Grouping, tuple[SideRow, ...]]
) -> Iterator[dict[str, Any]]:
    facts = {"engine": engine.name, "status": "measured", "engine_version": engine.engine_version}
    facts |= {"device": engine.device, "threads": str(engine.threads)}
    for by, rows in sides.items():
        for row in rows:
            if (ms := row.ms.get(engine.name)) is not None:
                share = ms / engine.nodes_ms if engine.nodes_ms > 0 else math.nan
                line = {"by": by, "name": row.name, "source": row.source}
                yield facts | line | {"ms": ms, "share": share}
    yield facts | {"by": "total", "ms": engine.nodes_ms}
    yield facts | {"by": "run", "ms": engine.run_ms}
