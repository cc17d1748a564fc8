"""The signal-to-noise ratio along the depth of a model, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

from oxidizedvision.layers.measures import EXACT_DB, Errors
from oxidizedvision.layers.report import Layer, LayerReport
from oxidizedvision.report.charts import svg
from oxidizedvision.report.charts.bars import key
from oxidizedvision.report.charts.scale import Scale

_LEFT = 70
_PLOT = 860
_TOP = 58
_HEIGHT = 300
_AXIS = 48
_MOST_DB = 160.0
"""Ratios above stand at the upper edge: two FP32 engines differ by about so much."""

_KINDS = ("accumulated", "by itself")


def layer_chart(report: LayerReport) -> str:
    """Two curves over the layers, the accumulated error and the own one; faults are marked.

    The higher the better: 20 dB less is ten times the error. Layers that were not measured are
    left out, and the first that diverges is named.
    """
    layers = [layer for layer in report.layers if _is_drawn(layer)]
    if not layers:
        return svg.drawing([svg.text(0, 20, "no layer was measured", css="tick")], 300, 30)
    xs = {layer.index: _LEFT + _PLOT * (n + 0.5) / len(layers) for n, layer in enumerate(layers)}
    lowest = min(0.0, *(_decibels(e) for layer in layers for e in _errors(layer) if e is not None))
    scale = Scale(max(lowest, -60.0), _MOST_DB, _TOP + _HEIGHT, _TOP)
    drawn = [key(_LEFT, _KINDS)]
    drawn += svg.vertical_axis(scale, _LEFT, _LEFT + _PLOT, "SQNR in dB")
    for number in range(len(_KINDS)):
        drawn.append(_curve(layers, xs, scale, number))
    drawn += _first(report.first, xs)
    middle, bottom = _LEFT + _PLOT / 2, _TOP + _HEIGHT
    title = f"{len(layers)} layers, from the input to the output"
    drawn.append(svg.text(middle, bottom + 30, title, anchor="middle", css="tick"))
    label = f"{report.candidate} against {report.reference}"
    return svg.drawing(drawn, _LEFT + _PLOT + 30, bottom + _AXIS, label)


def _errors(layer: Layer) -> tuple[Errors | None, Errors | None]:
    return layer.accumulated, layer.local


def _is_drawn(layer: Layer) -> bool:
    return any(errors is not None for errors in _errors(layer)) and not layer.renamed


def _decibels(errors: Errors) -> float:
    """What is not a number, or infinitely wrong, stands at zero."""
    value = errors.sqnr_db
    if errors.rms == 0:
        return EXACT_DB
    return value if math.isfinite(value) else 0.0


def _curve(layers: Sequence[Layer], xs: dict[int, float], scale: Scale, number: int) -> str:
    points, marks = [], []
    for layer in layers:
        errors = _errors(layer)[number]
        if errors is None:
            continue
        x, y = xs[layer.index], scale.at(_decibels(errors))
        points.append(f"{x:.1f} {y:.1f}")
        marks.append(_mark(layer, errors, (x, y), number))
    path = f'<path class="curve c{number}" d="M{"L".join(points)}"/>' if points else ""
    return path + "".join(marks)


def _mark(layer: Layer, errors: Errors, at: tuple[float, float], number: int) -> str:
    radius = 6 if errors.diverges else 2.5
    found = "exact" if errors.rms == 0 else f"{errors.sqnr_db:.1f} dB"
    tip = f"{layer.title}, {_KINDS[number]}: {found}, {errors.excess:.3g} of what rounding explains"
    return (
        f'<circle class="mark c{number}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}">'
        f"<title>{svg.clean(tip)}</title></circle>"
    )


def _first(layer: Layer | None, xs: dict[int, float]) -> list[str]:
    if layer is None or layer.index not in xs:
        return []
    x = xs[layer.index]
    side = "end" if x > _LEFT + _PLOT / 2 else "start"
    name = svg.shortened(f"first: {layer.title}", 80)
    return [
        f'<path class="leader" d="M{x:.1f} {_TOP - 12}V{_TOP + _HEIGHT}"/>',
        svg.text(x, _TOP - 18, name, anchor=side, css="strong"),
    ]
