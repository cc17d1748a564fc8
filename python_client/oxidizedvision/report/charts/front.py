"""Latency against error: what is worth taking, and what another one beats in both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oxidizedvision.report.charts import svg
from oxidizedvision.report.charts.scale import Scale, scale_for

_LEFT = 80
_RIGHT = 720
_WIDTH = 860
_TOP = 34
_BOTTOM = 330
_NONE = 366
"""Where points without any error stand, below the logarithmic scale."""
_AXIS = 48
_LINE = 16
_Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Point:
    """One candidate; a point without a shown name has it as a tooltip only."""

    label: str
    latency: float
    error: float
    named: bool = True


def front_chart(points: Sequence[Point], x_title: str, y_title: str) -> str:
    """Points by latency and error, both logarithmic where that helps; the front is joined.

    The front holds what no other point beats in one without being worse in the other.
    """
    shown = [p for p in points if math.isfinite(p.latency) and math.isfinite(p.error)]
    front = pareto_front(shown)
    xs = scale_for([point.latency for point in shown], _LEFT + 20, _RIGHT - 20)
    ys = scale_for([point.error for point in shown], _BOTTOM, _TOP + 10, log=True)
    above, exact = any(p.error > 0 for p in shown), any(p.error <= 0 for p in shown)
    bottom = _NONE + 14 if exact else _BOTTOM + 8
    title = f"{x_title}, logarithmic scale" if xs.log else x_title
    drawn = svg.horizontal_axis(xs, _TOP, bottom, title)
    drawn += svg.vertical_axis(ys, _LEFT, _RIGHT, y_title) if above else [_title(y_title)]
    if exact:
        drawn.append(f'<path class="grid" d="M{_LEFT} {_NONE}H{_RIGHT}"/>')
        drawn.append(svg.text(_LEFT - 8, _NONE + 4, "none", anchor="end", css="tick"))
    at = {point: (xs.at(point.latency), _height(point, ys)) for point in shown}
    steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in (at[point] for point in front))
    if len(front) > 1:
        drawn.append(f'<path class="curve c0 dashed" d="M{steps}"/>')
    drawn += [_mark(point, at[point], point in front) for point in shown]
    return svg.drawing([*drawn, *_names(shown, front, at)], _WIDTH, bottom + _AXIS)


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats, by latency."""

    def beaten(point: Point) -> bool:
        return any(
            other.latency <= point.latency
            and other.error <= point.error
            and (other.latency, other.error) != (point.latency, point.error)
            for other in points
        )

    return sorted((p for p in points if not beaten(p)), key=lambda p: (p.latency, p.error))


def _title(content: str) -> str:
    return svg.text(0, 14, content, css="tick")


def _height(point: Point, scale: Scale) -> float:
    return scale.at(point.error) if point.error > 0 else float(_NONE)


def _mark(point: Point, at: tuple[float, float], in_front: bool) -> str:
    css = "mark c0" if in_front else "mark faint"
    tip = f"{point.label}: {point.latency:.4g} ms, {point.error:.3g}"
    return (
        f'<circle class="{css}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{6 if in_front else 4.5}">'
        f"<title>{svg.clean(tip)}</title></circle>"
    )


def _names(
    points: Sequence[Point], front: Sequence[Point], at: dict[Point, tuple[float, float]]
) -> Iterator[str]:
    """Names beside their points, where there is room; those of the front choose first."""
    taken: list[_Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in at.values()]
    chosen = dict.fromkeys([*front, *(point for point in points if point.named)])
    for point in chosen:
        name = svg.shortened(point.label)
        letter = svg.BOLD_LETTER if point in front else svg.LETTER
        box = _free_place(at[point], len(name) * letter, taken)
        taken.append(box)
        left, top, right, bottom = box
        x, y = at[point]
        if not (left - 14 <= x <= right + 14 and top - 14 <= y <= bottom + 14):
            near = left - 2 if left > x else right + 2 if right < x else (left + right) / 2
            yield f'<path class="leader" d="M{x:.1f} {y:.1f}L{near:.1f} {(top + bottom) / 2:.1f}"/>'
        css = "strong" if point in front else ""
        yield svg.text(left, bottom - 4, name, css=css)


def _free_place(at: tuple[float, float], width: float, taken: Sequence[_Box]) -> _Box:
    places = list(_places(at, width))
    for place in places:
        inside = place[0] >= _LEFT and place[2] <= _WIDTH and _TOP - 16 <= place[1] <= _NONE
        if inside and not any(_overlap(place, other) for other in taken):
            return place
    return places[0]


def _places(at: tuple[float, float], width: float) -> Iterator[_Box]:
    """Right, left, above and below; then further and further away."""
    x, y = at
    half = _LINE / 2
    for far in range(0, 240, _LINE):
        for shift in dict.fromkeys((-far, far)):
            for left in (x + 10, x - 10 - width):
                yield (left, y + shift - half, left + width, y + shift + half)
            if far:
                yield (x - width / 2, y + shift - half, x + width / 2, y + shift + half)


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
