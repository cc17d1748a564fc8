"""A profile as a page or a picture for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.core.files import write_text
from oxidizedvision.core.results import to_plain
from oxidizedvision.report.layers import count_text, layer_chart
from oxidizedvision.report.page import render

if TYPE_CHECKING:
    from oxidizedvision.profile import ProfileReport


def write_profile(report: ProfileReport, path: str | Path) -> None:
    """Write a profile: a `.svg` is the chart alone, anything else the page, one offline HTML file.

    Raises:
        OxidizedVisionError: `file_system`.
    """
    path, document = Path(path), to_plain(report)
    if path.suffix.lower() == ".svg":
        write_text(path, f"{layer_chart(document, standalone=True)}\n")
    else:
        write_text(path, render_profile(document))


def render_profile(document: dict[str, Any]) -> str:
    """The document of a profile as one HTML file that needs nothing from outside."""
    return render(
        "profile.html.j2",
        filters={"count": count_text},
        profile=document,
        chart=layer_chart(document),
    )
