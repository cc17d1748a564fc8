"""The chart of a profile: what each layer takes of the time, the multiply-adds and the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from oxidizedvision.report.charts.svg import printable

Plain = dict[str, Any]
Share = tuple[float, str]
"""A part of the whole, from 0 to 1, and the number that it is."""

MOST_LAYERS = 20

_NAMESPACE = "http://www.w3.org/2000/svg"

_LABEL = 300
_BAR = 100
_COLUMN = 220
_ROW = 24
_HEAD = 30
_LABEL_LETTERS = 40
_MEASURES = {"time": "time", "macs": "multiply-adds", "memory": "memory of its outputs"}
_STYLE = """
svg.oxv-layers { font-family: system-ui, sans-serif; }
svg.oxv-layers text { font-size: 12px; fill: #1d2430; }
svg.oxv-layers text.oxv-head { font-weight: 600; }
svg.oxv-layers .oxv-time { fill: #c2542d; }
svg.oxv-layers .oxv-macs { fill: #2f6fb2; }
svg.oxv-layers .oxv-memory { fill: #7a8699; }
@media (prefers-color-scheme: dark) {
  svg.oxv-layers text { fill: #e6e9ef; }
  svg.oxv-layers .oxv-time { fill: #e58a5e; }
  svg.oxv-layers .oxv-macs { fill: #6fa8e8; }
  svg.oxv-layers .oxv-memory { fill: #98a3b5; }
}
"""


@dataclass(frozen=True)
class _Row:
    label: str
    shares: dict[str, Share]


def layer_chart(profile: Plain, most: int = MOST_LAYERS, *, standalone: bool = False) -> str:
    """The largest layers of a profile document as SVG, for a page or as a file of its own.

    Layers stand by time, or by multiply-adds where the time was not measured; the rest of the
    layers and the time outside of them have a row each.
    """
    from markupsafe import Markup

    rows = _rows(profile, most)
    measures = [name for name in _MEASURES if any(name in row.shares for row in rows)]
    columns = [_column(name, rows, _LABEL + n * _COLUMN) for n, name in enumerate(measures)]
    labels = [_label(row.label, _HEAD + number * _ROW) for number, row in enumerate(rows)]
    width, height = _LABEL + _COLUMN * len(measures), _HEAD + _ROW * len(rows)
    opening = f'<svg xmlns="{_NAMESPACE}"' if standalone else "<svg"
    return Markup(  # noqa: S704 - every text in it was escaped
        f'{opening} class="oxv-layers" role="img" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<style>{_STYLE}</style>{''.join([*labels, *columns])}</svg>"
    )


def _rows(profile: Plain, most: int) -> list[_Row]:
    layers: list[Plain] = profile["layers"]
    time = profile["time"]
    measure = "time_ms" if time else "macs"
    ordered = sorted(layers, key=lambda layer: -(layer[measure] or 0))
    wholes = {
        "time": time["layers_ms"] + time["other_ms"] if time else 0.0,
        "macs": _sum(layers, "macs"),
        "memory": _sum(layers, "activation_bytes"),
    }
    rows = [_Row(layer["path"], _shares([layer], wholes)) for layer in ordered[:most]]
    left = ordered[most:]
    if left:
        rows.append(_Row(f"{len(left)} more layer{'s'[: len(left) - 1]}", _shares(left, wholes)))
    if time and time["other_ms"] > 0:
        other = {"time": _share(time["other_ms"], wholes["time"], _milliseconds)}
        rows.append(_Row("in no layer", other))
    return rows


def _shares(layers: Sequence[Plain], wholes: dict[str, float]) -> dict[str, Share]:
    keys: dict[str, tuple[str, Callable[[float], str]]] = {
        "time": ("time_ms", _milliseconds),
        "macs": ("macs", count_text),
        "memory": ("activation_bytes", _bytes),
    }
    return {
        name: _share(_sum(layers, key), wholes[name], text)
        for name, (key, text) in keys.items()
        if wholes[name] > 0 and any(layer[key] is not None for layer in layers)
    }


def _share(value: float, whole: float, text: Callable[[float], str]) -> Share:
    return value / whole, text(value)


def _sum(layers: Sequence[Plain], key: str) -> float:
    return float(sum(layer[key] or 0 for layer in layers))


def _milliseconds(value: float) -> str:
    return f"{value:.3g} ms"


def _bytes(value: float) -> str:
    text = count_text(value)
    return f"{text}B" if " " in text else f"{text} B"


def count_text(count: float) -> str:
    """A count for people, in steps of a thousand: `1.82 G`."""
    for unit in ("", " k", " M", " G"):
        if count < 999.5:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g} T"


def _column(name: str, rows: Sequence[_Row], left: int) -> str:
    """One measure: a bar for each row, the longest for the largest share."""
    largest = max((row.shares[name][0] for row in rows if name in row.shares), default=0.0)
    scale = _BAR / largest if largest > 0 else 0.0
    parts = [f'<text class="oxv-head" x="{left}" y="16">{_MEASURES[name]}</text>']
    for number, row in enumerate(rows):
        if name in row.shares:
            parts.append(_bar(name, row.shares[name], left, _HEAD + number * _ROW, scale))
    return "".join(parts)


def _bar(name: str, share: Share, left: int, top: int, scale: float) -> str:
    part, text = share
    length = max(part * scale, 0.5)
    return (
        f'<rect class="oxv-{name}" x="{left}" y="{top + 4}" width="{length:.1f}" '
        f'height="{_ROW - 8}" rx="2"/><text x="{left + length + 6:.1f}" y="{top + 16}">'
        f"{escape(text)} · {part:.1%}</text>"
    )


def _label(label: str, top: int) -> str:
    clean = printable(label)
    return (
        f'<text x="{_LABEL - 10}" y="{top + 16}" text-anchor="end">'
        f"<title>{escape(clean)}</title>{escape(_shortened(clean))}</text>"
    )


def _shortened(label: str) -> str:
    """The end of a long name, which tells layers apart."""
    return label if len(label) <= _LABEL_LETTERS else "…" + label[-_LABEL_LETTERS + 1 :]
