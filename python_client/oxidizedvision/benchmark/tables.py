"""The figures of a report as tables: text for people, CSV for other programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oxidizedvision.benchmark import words
from oxidizedvision.benchmark.report import BenchmarkReport, BenchmarkResult
from oxidizedvision.core.files import write_text
from oxidizedvision.core.text import size_text

Cells = Callable[[BenchmarkResult], Sequence[str]]


@dataclass(frozen=True)
class TextTable:
    """Rows of text under headings; columns from `numbers_from` on align right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers_from: int


def latency_table(report: BenchmarkReport) -> TextTable:
    """Times of one run and the throughput; the title says what all rows share."""
    shared = _shared(report)
    title = f"{report.model}: {', '.join(shared)}" if shared else report.model
    columns = ("p50 ms", "95 % interval", "avg ms", "p95 ms", "p99 ms", "std ms", "per s")
    return _table(report, title, columns, _latency_cells)


def verdict_table(report: BenchmarkReport) -> TextTable | None:
    """Each row against the reference; None where nothing was compared."""
    comparison = words.comparison_of(report)
    if comparison is None:
        return None
    title = f"against {comparison.reference}, by typical runs"
    columns = ("times its speed", "95 % interval", "verdict")
    return _table(report, title, columns, _verdict_cells)


def cost_table(report: BenchmarkReport) -> TextTable:
    """What there is beside speed: the engine's version, its start, its memory, the model's size."""
    columns = ("load ms", "first result ms", "peak MiB", "model", "version")
    return _table(report, "start, memory and size", columns, _cost_cells)


def _table(report: BenchmarkReport, title: str, columns: Sequence[str], cells: Cells) -> TextTable:
    names = name_columns(report.results)
    rows = [(*name, *cells(row)) for name, row in zip(names[1:], report.results, strict=True)]
    return TextTable(title, (*names[0], *columns), rows, numbers_from=1)


def name_columns(rows: Sequence[BenchmarkResult]) -> list[Sequence[str]]:
    """The first columns of a table, headings first: what tells its rows apart.

    Threads and batch have columns of their own where they differ and, with the runner, name a row.
    Rows of levers are marked.
    """
    fields = [field for field in ("threads", "batch_size") if _differ(rows, field)]
    keys = [(row.runner, *(str(getattr(row, field)) for field in fields)) for row in rows]
    if len(set(keys)) < len(keys):
        return [("runner",), *((f"{row.name}{_mark(row)}",) for row in rows)]
    keys = [(f"{key[0]}{_mark(row)}", *key[1:]) for key, row in zip(keys, rows, strict=True)]
    return [("runner", *(field.removesuffix("_size") for field in fields)), *keys]


def _mark(row: BenchmarkResult) -> str:
    return " (lever)" if row.lever else ""


def _shared(report: BenchmarkReport) -> list[str]:
    rows = report.results
    if not rows:
        return []
    facts = []
    if not _differ(rows, "threads"):
        facts.append("1 thread" if rows[0].threads == 1 else f"{rows[0].threads} threads")
    if not _differ(rows, "batch_size"):
        facts.append(f"batch {rows[0].batch_size}")
    devices = dict.fromkeys(row.device for row in rows)
    return [*facts, ", ".join(devices)]


def _differ(rows: Sequence[BenchmarkResult], field: str) -> bool:
    return len({getattr(row, field) for row in rows}) > 1


def _latency_cells(row: BenchmarkResult) -> Sequence[str]:
    times = (row.avg_ms, row.p95_ms, row.p99_ms, row.std_ms)
    return (
        words.ms_text(row.p50_ms),
        words.interval_text(row.p50_interval_ms),
        *map(words.ms_text, times),
        f"{row.throughput_per_s:.1f}",
    )


def _verdict_cells(row: BenchmarkResult) -> Sequence[str]:
    if row.versus is None:
        return "", "", words.verdict_text(row)
    return (
        words.times_text(row.versus.speedup),
        words.times_interval_text(row.versus.interval),
        words.verdict_text(row),
    )


def _cost_cells(row: BenchmarkResult) -> Sequence[str]:
    return (
        words.ms_text(row.load_ms),
        words.ms_text(row.first_result_ms),
        words.memory_text(row.peak_rss_mib),
        size_text(row.model_bytes),
        row.engine_version,
    )


CSV_COLUMNS = (
    *("model", "name", "status", "message", "runner", "engine_version", "device", "threads"),
    *("batch_size", "iterations", "processes", "p50_ms", "p50_low_ms", "p50_high_ms", "avg_ms"),
    *("p95_ms", "p99_ms", "std_ms", "throughput_per_s", "load_ms", "first_ms"),
    *("first_result_ms", "peak_rss_mib", "model_bytes", "settled", "disturbed", "reference"),
    *("speedup", "speedup_low", "speedup_high", "verdict", "max_error", "noise_floor", "cpu"),
    *("cpu_flags", "variant", "lever"),
)
"""Their order stays; new ones come at the end. Names end in the unit where there is one."""


def to_csv(report: BenchmarkReport) -> str:
    """One row for each candidate, also those that failed or are not here, below a heading.

    What is not known is empty. Numbers are as precise as they are in the report.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in _csv_rows(report):
        writer.writerow({name: csv_text(value) for name, value in row.items()})
    return text.getvalue()


def write_csv(report: BenchmarkReport, path: str | Path) -> None:
    """Write a benchmark as CSV; see `to_csv`.

    Raises:
        OxidizedVisionError: `file_system`.
    """
    write_text(Path(path), to_csv(report))


def _csv_rows(report: BenchmarkReport) -> list[dict[str, Any]]:
    shared = {
        "model": report.model,
        "noise_floor": report.noise.floor if report.noise else None,
        "cpu": report.machine.get("cpu"),
        "cpu_flags": " ".join(report.machine.get("flags", ())),
    }
    rows = [shared | _csv_row(report, row) for row in report.results]
    for failure in report.failures:
        told = {"status": "failed", "message": failure.message}
        rows.append(shared | {"name": failure.runner} | told)
    for missing in report.unavailable:
        told = {"status": missing.status, "message": missing.hint}
        rows.append(shared | {"name": missing.name} | told)
    return rows


def _csv_row(report: BenchmarkReport, row: BenchmarkResult) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in CSV_COLUMNS if hasattr(row, name)}
    found |= {"status": "measured", "max_error": report.errors.get(row.runner)}
    found["p50_low_ms"], found["p50_high_ms"] = row.p50_interval_ms
    if row.versus is not None:
        low, high = row.versus.interval
        found |= {"reference": row.versus.reference, "speedup": row.versus.speedup}
        found |= {"speedup_low": low, "speedup_high": high, "verdict": row.versus.verdict}
    return found


def csv_text(value: Any) -> str:
    """A cell; empty for what is not known."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    # A path of the system may hold what UTF-8 cannot.
    return str(value).encode("utf-8", "replace").decode("utf-8")
