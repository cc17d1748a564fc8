"""A benchmark as a page for people, and the parts of it that the page of `run` has too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oxidizedvision.benchmark import tables, words
from oxidizedvision.benchmark.report import BenchmarkReport, BenchmarkResult
from oxidizedvision.core.files import write_text
from oxidizedvision.report import charts
from oxidizedvision.report.page import render


def write_html(report: BenchmarkReport, path: str | Path) -> None:
    """Write a benchmark as one offline HTML page with its charts, tables and verdicts.

    Raises:
        OxidizedVisionError: `file_system`.
    """
    write_text(Path(path), render_benchmark(report))


def render_benchmark(report: BenchmarkReport) -> str:
    """The page of a benchmark."""
    return render(
        "benchmark.html.j2", report=report, measured=measured_parts(report), charts=_charts(report)
    )


def measured_parts(report: BenchmarkReport) -> dict[str, Any]:
    """What `measured.html.j2` shows: the chart of latencies, tables, and sentences."""
    found = (tables.latency_table(report), tables.verdict_table(report), tables.cost_table(report))
    return {
        "chart": charts.box_chart([(row.name, row.percentiles_ms) for row in report.results], "ms"),
        "tables": [table for table in found if table is not None] if report.results else [],
        "noise": words.noise_text(report.noise) if report.results else "",
        "machine": words.machine_text(report.machine),
        "cautions": words.cautions(report),
        "failures": report.failures,
        "unavailable": report.unavailable,
        "budget": report.budget,
    }


def _charts(report: BenchmarkReport) -> dict[str, str]:
    """The charts that the report has figures for, by name."""
    rows = report.results
    found: dict[str, str] = {}
    if not rows:
        return found
    if sweep := throughput_lines(rows):
        found["sweep"] = charts.line_chart(sweep, "batch", "inputs per second")
    found["start"] = charts.stacked_chart(
        [(row.name, _start(row)) for row in rows], ("load", "first run"), "ms"
    )
    found["memory"] = charts.bar_chart([(row.name, row.peak_rss_mib, None) for row in rows], "MiB")
    sizes = model_sizes(rows)
    unit, count = ("MiB", 2**20) if max(sizes.values()) >= 2**20 else ("KiB", 2**10)
    found["size"] = charts.bar_chart([(n, size / count, None) for n, size in sizes.items()], unit)
    if points := front_points(report):
        batched = any(row.batch_size > 1 for row in rows)
        latency = "ms for each input" if batched else "ms of one run"
        found["front"] = charts.front_chart(points, latency, "largest difference from PyTorch")
    return found


def _start(row: BenchmarkResult) -> tuple[float, float]:
    """The load, and what is left of the first result: medians do not add up by themselves."""
    return row.load_ms, max(row.first_result_ms - row.load_ms, 0.0)


def model_sizes(rows: tuple[BenchmarkResult, ...]) -> dict[str, int]:
    """Bytes of each model's file, once for all rows of a runner that read the same."""
    different = dict.fromkeys((row.runner, row.model_bytes) for row in rows)
    runners = [runner for runner, _ in different]
    names = {(row.runner, row.model_bytes): row.name for row in reversed(rows)}
    return {
        runner if runners.count(runner) == 1 else names[runner, size]: size
        for runner, size in different
    }


def throughput_lines(rows: tuple[BenchmarkResult, ...]) -> list[charts.Line]:
    """Throughput against batch, a line for what differs by its batch only; none without a sweep."""
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        name = row.name.removesuffix(f", batch {row.batch_size}")
        series.setdefault(name, []).append((row.batch_size, row.throughput_per_s))
    if all(len(points) < 2 for points in series.values()):
        return []
    return [charts.Line(name, points) for name, points in series.items()]


def front_points(report: BenchmarkReport) -> list[charts.Point]:
    """Median latency of an input, and error; the fastest row of each runner is named."""
    known = [(row, report.errors[row.runner]) for row in report.results if _has_error(report, row)]
    fastest: dict[str, BenchmarkResult] = {}
    for row, _ in known:
        best = fastest.setdefault(row.runner, row)
        if _each_ms(row) < _each_ms(best):
            fastest[row.runner] = row
    return [
        charts.Point(row.name, _each_ms(row), error, named=fastest[row.runner] is row)
        for row, error in known
    ]


def _has_error(report: BenchmarkReport, row: BenchmarkResult) -> bool:
    return row.runner in report.errors


def _each_ms(row: BenchmarkResult) -> float:
    return row.p50_ms / row.batch_size
