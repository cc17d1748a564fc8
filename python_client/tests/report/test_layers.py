"""The chart of layers draws each measure in proportion, adds up, and survives odd names."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from oxidizedvision.report.layers import count_text, layer_chart
from oxidizedvision.report.profile import render_profile


def layer(path: str, time_ms: float | None, macs: int | None, memory: int | None) -> dict[str, Any]:
    return {
        "path": path,
        "type": "Conv",
        "parameters": 1,
        "macs": macs,
        "bytes": 4,
        "output_shape": [1, 2],
        "activation_bytes": memory,
        "calls": 1,
        "time_ms": time_ms,
        "timed": "not_timed" if time_ms is None else "measured",
        "fused_into": None,
    }


def document(layers: list[dict[str, Any]], other_ms: float | None = 1.0) -> dict[str, Any]:
    time = {
        "engine": "pytorch",
        "engine_version": "2",
        "threads": 1,
        "warmup_runs": 2,
        "runs": 3,
        "total_ms": 4.0,
        "layers_ms": sum(row["time_ms"] or 0 for row in layers),
        "other_ms": other_ms,
        "watched_ms": 4.0,
        "added": [{"name": "Reorder", "type": "Reorder", "time_ms": 0.5}],
    }
    return {
        "model": "net",
        "kind": "pytorch",
        "inputs": [{"name": "input", "dtype": "f32", "dims": [1, 2]}],
        "input_shape": [1, 2],
        "parameters": 2,
        "buffers": 0,
        "macs": 3,
        "not_counted": [],
        "bytes": 8,
        "bytes_by_dtype": {"f32": 8},
        "activation_bytes": None,
        "peak_bytes": 3,
        "peak_layer": "a",
        "time": None if other_ms is None else time,
        "notes": ["a note"],
        "layers": layers,
    }


def widths(svg: str, measure: str) -> list[float]:
    found = re.findall(rf'class="oxv-{measure}"[^>]* width="([\d.]+)"', svg)
    return [float(width) for width in found]


def test_bars_are_in_proportion_and_the_rest_is_shown() -> None:
    layers = [layer("a", 1.0, 10, 4), layer("b", 2.0, 30, 4), layer("c", 1.0, 0, 8)]
    svg = str(layer_chart(document(layers), most=2))
    # The slower one first, then a, then the one that is left, then the time in no layer.
    assert widths(svg, "time") == [100.0, 50.0, 50.0, 50.0]
    assert widths(svg, "macs") == [100.0, pytest.approx(100 / 3, abs=0.1), 0.5]
    assert widths(svg, "memory") == [50.0, 50.0, 100.0]
    for text in ("2 ms · 40.0%", "30 · 75.0%", "8 B · 50.0%", "1 more layer<", "in no layer"):
        assert text in svg, text


def test_without_time_layers_stand_by_multiply_adds() -> None:
    layers = [layer("few", None, 1, 4), layer("many", None, 3, 4), layer("unknown", None, None, 1)]
    svg = str(layer_chart(document(layers, other_ms=None)))
    assert svg.index(">many<") < svg.index(">few<") < svg.index(">unknown<")
    assert "oxv-time" not in re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)


def test_a_layer_without_a_time_has_no_bar() -> None:
    svg = str(layer_chart(document([layer("a", 1.0, 1, 1), layer("fused", None, 0, 1)])))
    assert len(widths(svg, "time")) == 2  # a, and the time in no layer
    assert len(widths(svg, "memory")) == 2


def test_names_are_shortened_escaped_and_printable() -> None:
    name = "<b>\x1b[31m" + "x" * 60 + "end"
    svg = str(layer_chart(document([layer(name, 1.0, 1, 1)]), standalone=True))
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    labels = [element.text or "" for element in root.iter() if element.tag.endswith("title")]
    assert labels[0] == name.replace("\x1b", "�")
    assert "xend</text>" in svg


@pytest.mark.parametrize("layers", [[], [layer("a", 0.0, 0, 0)], [layer("a", None, None, None)]])
def test_nothing_to_draw(layers: list[dict[str, Any]]) -> None:
    assert str(layer_chart(document(layers, other_ms=0.0))).startswith("<svg")
    assert "A note." in render_profile(document(layers, other_ms=0.0))


def test_the_page_escapes_names() -> None:
    page = render_profile(document([layer("<script>", 1.0, 1, 1)]))
    assert "<script>" not in page
    assert "Reorder, added by the engine" in page


def test_counts_for_people() -> None:
    texts = [count_text(value) for value in (0, 999, 999.6, 1820, 4.09e9, 2.5e12, 1e16)]
    assert texts == ["0", "999", "1 k", "1.82 k", "4.09 G", "2.5 T", "1e+04 T"]
