"""A chart as a file of its own, which a page may show as a picture."""

from __future__ import annotations

from pathlib import Path

_STYLE = Path(__file__).parents[1] / "style.css"


def as_svg_file(chart: str) -> str:
    """A chart of this package with its name space and its colours, on a background."""
    style = _STYLE.read_text(encoding="utf-8")
    head, _, rest = str(chart).partition(">")  # as plain text, which is not escaped again
    opening = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    ground = '<rect width="100%" height="100%" style="fill: var(--back)"/>'
    return f'{opening} font-family="system-ui, sans-serif"><style>{style}</style>{ground}{rest}\n'
