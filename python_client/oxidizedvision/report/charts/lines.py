"""Curves over a few steps, each named at its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from oxidizedvision.report.charts import svg
from oxidizedvision.report.charts.scale import Scale, scale_for

_LEFT = 70
_PLOT = 480
_TOP = 28
_HEIGHT = 300
_AXIS = 48
_APART = 18


@dataclass(frozen=True)
class Line:
    """A named curve through points (x, y)."""

    label: str
    points: Sequence[tuple[float, float]]


def line_chart(lines: Sequence[Line], x_title: str, y_title: str) -> str:
    """Curves from zero upwards; every x that occurs has a step of its own on the axis."""
    steps = sorted({x for line in lines for x, _ in line.points})
    height = max(_HEIGHT, _APART * len(lines))
    bottom = _TOP + height
    ys = [y for line in lines for _, y in line.points]
    scale = scale_for(ys, bottom, _TOP, log=False)
    xs = {x: _LEFT + _PLOT * (n + 0.5) / len(steps) for n, x in enumerate(steps)}
    right = _LEFT + _PLOT
    drawn = svg.vertical_axis(scale, _LEFT, right, y_title)
    for x, at in xs.items():
        drawn.append(svg.text(at, bottom + 17, f"{x:g}", anchor="middle", css="tick"))
    drawn.append(svg.text(_LEFT + _PLOT / 2, bottom + 36, x_title, anchor="middle", css="tick"))
    curves = [_shown(line, xs, scale) for line in lines]
    drawn += [_curve(number, points) for number, points in enumerate(curves)]
    drawn += _names(lines, curves, right, (_TOP, bottom))
    room = svg.label_width([line.label for line in lines]) + 30
    return svg.drawing(drawn, right + room, bottom + _AXIS)


def _shown(line: Line, xs: dict[float, float], scale: Scale) -> list[tuple[float, float]]:
    points = sorted(point for point in line.points if math.isfinite(point[1]))
    return [(xs[x], scale.at(y)) for x, y in points]


def _css(number: int) -> str:
    """The colour of a curve; where colours come again, the line is dashed."""
    return f"c{number % svg.COLOURS}" + (" dashed" if number >= svg.COLOURS else "")


def _curve(number: int, points: Sequence[tuple[float, float]]) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = "".join(
        f'<circle class="mark c{number % svg.COLOURS}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
        for x, y in points
    )
    return f'<path class="curve {_css(number)}" d="M{path}"/>{dots}' if points else ""


def _names(
    lines: Sequence[Line],
    curves: Sequence[Sequence[tuple[float, float]]],
    right: float,
    ends: tuple[float, float],
) -> list[str]:
    """Names beside the ends of the curves, moved apart, with a thin line to each end."""
    order = sorted((n for n in range(len(lines)) if curves[n]), key=lambda n: curves[n][-1][1])
    places = spread([curves[n][-1][1] for n in order], _APART, *ends)
    drawn = []
    for number, place in zip(order, places, strict=True):
        x, y = curves[number][-1]
        drawn.append(f'<path class="leader" d="M{x + 5:.1f} {y:.1f}L{right + 16} {place:.1f}"/>')
        drawn.append(
            f'<rect class="mark c{number % svg.COLOURS}" x="{right + 16}" y="{place - 5:.1f}" '
            'width="10" height="10" rx="2"/>'
        )
        drawn.append(svg.text(right + 32, place + 5, svg.shortened(lines[number].label)))
    return drawn


def spread(places: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Rising places moved as little as needed to stand `apart`, between `low` and `high`."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + apart if found else low))
    limit = high
    for index in range(len(found) - 1, -1, -1):
        found[index] = min(found[index], limit)
        limit = found[index] - apart
    return found
