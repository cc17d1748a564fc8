"""The layers of a model as one HTML file: a chart and a table for each comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.files import write_text
from oxidizedvision.layers.chart import layer_chart
from oxidizedvision.layers.words import verdict
from oxidizedvision.report.page import render

if TYPE_CHECKING:
    from oxidizedvision.layers import LayerReports


def write_html(found: LayerReports, path: Path) -> None:
    """Write the page whole; it needs nothing from outside."""
    parts = [(report, layer_chart(report), verdict(report)) for report in found.reports]
    filters = {"decibels": "{:.1f} dB".format}
    write_text(path, render("layers.html.j2", filters, found=found, parts=parts))
