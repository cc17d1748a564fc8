"""A validation as a page for people, and the parts of it that the page of `run` has too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oxidizedvision.core.files import write_text
from oxidizedvision.report.charts import bar_chart
from oxidizedvision.report.page import render
from oxidizedvision.validate import DataReport, ValidationReport, tables


def write_html(report: ValidationReport, path: str | Path) -> None:
    """Write a validation as one offline HTML page.

    Raises:
        OxidizedVisionError: `file_system`.
    """
    write_text(Path(path), render_validation(report))


def render_validation(report: ValidationReport) -> str:
    """The page of a validation."""
    return render("validation.html.j2", report=report, parity=parity_parts(report))


def parity_parts(report: ValidationReport) -> dict[str, Any]:
    """What `parity.html.j2` shows: tables, reasons, and sentences."""
    return {
        "table": tables.parity_table(report, places=True) if report.results else None,
        "limits": tables.limits_text(report),
        "failures": tables.failures(report),
        "unavailable": report.unavailable,
        "files": report.integrity,
        "data": _data_parts(report.data) if report.data else None,
    }


def _data_parts(data: DataReport) -> dict[str, Any]:
    figures = [(row.name, row.top1 if row.top1 is not None else row.iou) for row in data.results]
    bars = [(name, None if value is None else value * 100, None) for name, value in figures]
    return {
        "table": tables.data_table(data),
        "sentences": tables.data_sentences(data),
        "chart": bar_chart(bars, "%"),
        "measure": "Top-1 accuracy" if data.truth == "labels" else "Mean IoU",
    }
