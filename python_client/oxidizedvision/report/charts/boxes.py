"""Distributions as boxes, a row for each."""

from __future__ import annotations

from collections.abc import Sequence

from oxidizedvision.report.charts import svg
from oxidizedvision.report.charts.scale import Scale, scale_for

_ROW = 30
_PLOT = 460
_NUMBER = 110
_AXIS = 48


def box_chart(rows: Sequence[tuple[str, Sequence[float]]], unit: str) -> str:
    """A box over the middle half, a mark at the median, a line from the 5th to the 95th percentile.

    A dot is the 99th; the median is written beside it.

    Args:
        rows: A label, and the 0th to the 100th percentile in 101 values.
        unit: Of the values.
    """
    left = svg.label_width([label for label, _ in rows])
    ends = [values[at] for _, values in rows for at in (5, 99)]
    scale = scale_for(ends, left, left + _PLOT)
    bottom = _ROW * len(rows) + 4
    title = f"{unit}, logarithmic scale" if scale.log else unit
    drawn = svg.horizontal_axis(scale, 0, bottom, title)
    for number, (label, values) in enumerate(rows):
        middle = number * _ROW + _ROW / 2
        drawn.append(svg.label(left - 10, middle + 5, label))
        drawn.append(_box(values, middle, scale))
        drawn.append(svg.text(scale.end + 12, middle + 5, f"{svg.amount(values[50])} {unit}"))
    return svg.drawing(drawn, scale.end + _NUMBER, bottom + _AXIS)


def _box(percentiles: Sequence[float], middle: float, scale: Scale) -> str:
    p5, p25, p50, p75, p95, p99 = (scale.at(percentiles[at]) for at in (5, 25, 50, 75, 95, 99))
    return (
        f'<path d="M{p5:.1f} {middle}H{p95:.1f}M{p5:.1f} {middle - 4}v8M{p95:.1f} {middle - 4}v8"/>'
        f'<rect x="{p25:.1f}" y="{middle - 9}" width="{max(p75 - p25, 2):.1f}" height="18" rx="2"/>'
        f'<path class="median" d="M{p50:.1f} {middle - 9}v18"/>'
        f'<circle class="dot" cx="{p99:.1f}" cy="{middle}" r="2.5"/>'
    )
