"""Charts as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

Bar = tuple[str, float, float | None]
"""A label, a value, and the end of a whisker or None."""

_ROW = 30
_LABEL = 150
_PLOT = 400
_NUMBER = 130


def bar_chart(bars: Sequence[Bar], unit: str) -> str:
    """Horizontal bars on one linear scale from zero, with the value written beside each."""
    from markupsafe import Markup

    largest = max((max(value, whisker or 0) for _, value, whisker in bars), default=0)
    scale = _PLOT / largest if largest > 0 else 0
    rows = [_row(number, bar, scale, unit) for number, bar in enumerate(bars)]
    width, height = _LABEL + _PLOT + _NUMBER, _ROW * len(bars)
    return Markup(  # noqa: S704 - every text in it was escaped by _row
        f'<svg viewBox="0 0 {width} {height}" role="img" width="{width}" '
        f'height="{height}">{"".join(rows)}</svg>'
    )


def _row(number: int, bar: Bar, scale: float, unit: str) -> str:
    label, value, whisker = bar
    top = number * _ROW
    middle = top + _ROW / 2
    end = _LABEL + value * scale
    parts = [
        f'<text x="{_LABEL - 10}" y="{middle + 5}" text-anchor="end">{escape(label)}</text>',
        _bar(top, end - _LABEL),
    ]
    if whisker is not None:
        end = max(end, _LABEL + whisker * scale)
        parts.append(f'<path d="M{_LABEL + value * scale:.1f} {middle}H{end:.1f}m0 -5v10"/>')
    text = f"{value:.4g} {unit}"
    parts.append(f'<text x="{end + 8:.1f}" y="{middle + 5}">{escape(text)}</text>')
    return "".join(parts)


def _bar(top: float, length: float) -> str:
    size = f'width="{max(length, 1):.1f}" height="{_ROW - 12}"'
    return f'<rect x="{_LABEL}" y="{top + 6}" {size} rx="3"/>'
