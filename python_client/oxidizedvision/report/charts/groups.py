"""Horizontal bars in groups: what several have of each thing, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeGuard

from oxidizedvision.report.charts import svg
from oxidizedvision.report.charts.bars import key

Group = tuple[str, Sequence[float | None]]
"""A label, and a value of each series or None."""

_BAR = 16
_GAP = 12
_TOP = 32
_PLOT = 400
_NUMBER = 120


def grouped_chart(groups: Sequence[Group], series: Sequence[str], unit: str) -> str:
    """A group of bars for each row, one for each series, its value beside it, and a key above.

    Args:
        groups: What is not known, or not finite, has no bar; its place stays free.
        series: What they are called.
        unit: Of all values.
    """
    left = svg.label_width([label for label, _ in groups])
    largest = max(
        (value for _, values in groups for value in values if _is_known(value)), default=0
    )
    scale = _PLOT / largest if largest > 0 else 0
    height = _BAR * len(series) + _GAP
    drawn = [key(left, series)]
    for number, (label, values) in enumerate(groups):
        top = _TOP + number * height
        drawn.append(svg.label(left - 10, top + (height - _GAP) / 2 + 5, label))
        drawn += [
            _bar(place, top + place * _BAR, left, value, scale, unit)
            for place, value in enumerate(values)
            if _is_known(value)
        ]
    return svg.drawing(drawn, left + _PLOT + _NUMBER, _TOP + height * len(groups))


def _bar(number: int, top: float, left: float, value: float, scale: float, unit: str) -> str:
    length = max(value * scale, 1)
    return (
        f'<rect class="mark c{number % svg.COLOURS}" x="{left:.1f}" y="{top:.1f}" '
        f'width="{length:.1f}" height="{_BAR - 3}" rx="2"/>'
        + svg.text(left + length + 6, top + 11, f"{svg.amount(value, 3)} {unit}", css="tick")
    )


def _is_known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
