"""Horizontal bars, plain and stacked, on one linear scale from zero."""

from __future__ import annotations

import math
from collections.abc import Sequence

from oxidizedvision.report.charts import svg

Bar = tuple[str, float | None, float | None]
"""A label, a value, and the end of a whisker or None."""

_ROW = 30
_PLOT = 400
_NUMBER = 220
_UNKNOWN = "not known"


def bar_chart(bars: Sequence[Bar], unit: str) -> str:
    """A bar for each row, with the value written beside it."""
    left = svg.label_width([label for label, _, _ in bars])
    largest = max((max(_known(value), _known(whisker)) for _, value, whisker in bars), default=0)
    scale = _PLOT / largest if largest > 0 else 0
    rows = [_row(number, bar, left, scale, unit) for number, bar in enumerate(bars)]
    return svg.drawing(rows, left + _PLOT + _NUMBER, _ROW * len(bars))


def stacked_chart(
    rows: Sequence[tuple[str, Sequence[float]]], parts: Sequence[str], unit: str
) -> str:
    """A bar of several parts for each row, their sum written beside it, and a key above.

    Args:
        rows: A label, and as many values as there are parts.
        parts: What they are called.
        unit: Of all values.
    """
    left = svg.label_width([label for label, _ in rows])
    largest = max((sum(map(_known, values)) for _, values in rows), default=0)
    scale = _PLOT / largest if largest > 0 else 0
    drawn = [key(left, parts)]
    for number, (label, values) in enumerate(rows, start=1):
        drawn.append(svg.label(left - 10, number * _ROW + _ROW / 2 + 5, label))
        drawn.append(_stack(number * _ROW, left, values, scale, unit))
    return svg.drawing(drawn, left + _PLOT + _NUMBER, _ROW * (len(rows) + 1))


def _row(number: int, bar: Bar, left: float, scale: float, unit: str) -> str:
    label, value, whisker = bar
    top = number * _ROW
    middle = top + _ROW / 2
    name = svg.label(left - 10, middle + 5, label)
    if value is None or not math.isfinite(value):
        return name + svg.text(left, middle + 5, _UNKNOWN, css="tick")
    end = left + value * scale
    parts = [name, _bar(top, left, end - left)]
    if whisker is not None and math.isfinite(whisker):
        begin, end = end, max(end, left + whisker * scale)
        parts.append(f'<path d="M{begin:.1f} {middle}H{end:.1f}m0 -5v10"/>')
    parts.append(svg.text(end + 8, middle + 5, f"{svg.amount(value)} {unit}"))
    return "".join(parts)


def _stack(top: float, left: float, values: Sequence[float], scale: float, unit: str) -> str:
    middle = top + _ROW / 2 + 5
    if not all(map(math.isfinite, values)):
        return svg.text(left, middle, _UNKNOWN, css="tick")
    drawn, end = [], left
    for number, value in enumerate(values):
        drawn.append(_bar(top, end, value * scale, f"mark c{number}"))
        end += value * scale
    terms = " + ".join(svg.amount(value, digits=3) for value in values)
    whole = f"{svg.amount(sum(values))} {unit} ({terms})"
    return "".join([*drawn, svg.text(max(end, left + 1) + 8, middle, whole)])


def key(left: float, parts: Sequence[str]) -> str:
    """A row that names the colours."""
    drawn = []
    for number, part in enumerate(parts):
        kind = f"mark c{number % svg.COLOURS}"
        drawn.append(f'<rect class="{kind}" x="{left:.1f}" y="8" width="14" height="14" rx="3"/>')
        drawn.append(svg.text(left + 20, 20, part))
        left += 40 + len(part) * svg.LETTER
    return "".join(drawn)


def _bar(top: float, left: float, length: float, css: str = "") -> str:
    kind = f' class="{css}"' if css else ""
    size = f'width="{max(length, 1):.1f}" height="{_ROW - 12}"'
    return f'<rect{kind} x="{left:.1f}" y="{top + 6}" {size} rx="3"/>'


def _known(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else 0.0
