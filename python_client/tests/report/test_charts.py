"""Charts say the number that they draw, escape what they are given, and survive nothing to draw."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from oxidizedvision.report.charts import (
    Line,
    Point,
    bar_chart,
    box_chart,
    front_chart,
    line_chart,
    stacked_chart,
)
from oxidizedvision.report.charts.front import pareto_front
from oxidizedvision.report.charts.lines import spread
from oxidizedvision.report.charts.scale import scale_for

HOSTILE = "<script>alert('x')</script>\x00\x1b[31m\"&"
NAN = math.nan


def values(p50: float) -> list[float]:
    return [p50 * (0.5 + n / 100) for n in range(101)]


def widths(svg: str) -> list[float]:
    return [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', svg)]


def test_lengths_are_in_proportion() -> None:
    svg = str(bar_chart([("a", 10.0, None), ("b", 5.0, 8.0)], "ms"))
    first, second = widths(svg)
    assert first == 2 * second
    assert "10 ms" in svg
    assert "5 ms" in svg
    assert svg.count("<path") == 1


def test_stacked_parts_follow_each_other() -> None:
    svg = str(stacked_chart([("a", (30.0, 10.0))], ("load", "first run"), "ms"))
    load, first = widths(svg)[2:]  # the first two are the key's
    assert load == 3 * first
    places = [float(x) for x in re.findall(r'<rect[^>]* x="([\d.]+)"', svg)[2:]]
    assert places[1] == places[0] + load
    assert "40 ms (30 + 10)" in svg
    assert "12,580 ms (6,090 + 6,490)" in str(stacked_chart([("a", (6090.0, 6490.0))], "ab", "ms"))
    assert ">load<" in svg
    assert ">first run<" in svg


def test_boxes_are_where_their_quartiles_are() -> None:
    svg = str(box_chart([("a", values(10.0)), ("b", values(20.0))], "ms"))
    small, large = widths(svg)
    assert large == pytest.approx(2 * small, rel=0.01)
    whiskers = re.findall(r'd="M([\d.]+) [\d.]+H([\d.]+)M', svg)
    left, right = map(float, whiskers[0])
    assert small == pytest.approx((right - left) * 50 / 90, rel=0.01)  # quartiles of even values
    assert "10 ms" in svg
    assert "logarithmic" not in svg
    assert "logarithmic" in str(box_chart([("a", values(1.0)), ("b", values(90.0))], "ms"))


def test_curves_rise_with_their_values_and_are_named() -> None:
    lines = [Line("slow", [(1, 10.0), (8, 20.0)]), Line("fast", [(1, 10.0), (8, 80.0)])]
    svg = str(line_chart(lines, "batch", "inputs per second"))
    ends = [float(path.split()[-1]) for path in re.findall(r'class="curve[^"]*" d="([^"]+)"', svg)]
    assert ends[0] > ends[1]  # pixels count downwards
    for text in ("slow", "fast", ">1<", ">8<", "batch"):
        assert text in svg, text


def test_the_front_holds_what_no_other_beats() -> None:
    fast, exact = Point("fast", 1.0, 1e-3), Point("exact", 5.0, 0.0)
    middle, beaten = Point("middle", 2.0, 1e-6), Point("beaten", 3.0, 1e-6)
    assert pareto_front([beaten, exact, middle, fast]) == [fast, middle, exact]
    svg = str(front_chart([beaten, exact, middle, fast], "ms", "error"))
    assert svg.count("mark c0") == 3
    assert svg.count("mark faint") == 1
    for point in (fast, exact, middle, beaten):
        assert f">{point.label}<" in svg


def test_points_without_a_shown_name_have_a_tooltip() -> None:
    points = [Point("named", 1.0, 1e-3), Point("quiet", 2.0, 1e-3, named=False)]
    svg = str(front_chart(points, "ms", "error"))
    assert svg.count("quiet") == 1
    assert "<title>quiet" in svg


def test_names_that_stand_close_do_not_cover_each_other() -> None:
    svg = str(front_chart([Point(f"runner{n}", 5.0, 1e-6) for n in range(8)], "ms", "error"))
    places = set(
        re.findall(r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="start"[^>]*>runner', svg)
    )
    assert len(places) == 8


def test_places_are_moved_apart_within_the_ends() -> None:
    assert spread([10.0, 11.0, 12.0], 5.0, 0.0, 100.0) == [10.0, 15.0, 20.0]
    assert spread([98.0, 99.0], 5.0, 0.0, 100.0) == [95.0, 100.0]
    assert spread([], 5.0, 0.0, 100.0) == []


@pytest.mark.parametrize(
    ("given", "log", "ticks"),
    [
        ([1.0, 9.0], False, [0, 2, 4, 6, 8]),
        ([1.0, 99.0], True, [1, 2, 5, 10, 20, 50, 100]),
        ([1e-9, 1.0], True, [1e-8, 1e-6, 1e-4, 1e-2, 1.0]),
        ([0.0, NAN], False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_scales_are_logarithmic_where_values_differ_widely(
    given: list[float], log: bool, ticks: list[float]
) -> None:
    scale = scale_for(given, 0, 100)
    assert scale.log is log
    assert scale.ticks() == pytest.approx(ticks)
    assert all(0 <= scale.at(value) <= 100 for value in (0.0, *scale.ticks(), 1e9))


CHARTS: dict[str, Callable[[str, float], str]] = {
    "bar": lambda name, value: bar_chart([(name, value, None)], "ms"),
    "stacked": lambda name, value: stacked_chart([(name, (value, value))], ("a", "b"), "ms"),
    "box": lambda name, value: box_chart([(name, [value] * 101)], "ms"),
    "line": lambda name, value: line_chart([Line(name, [(1, value), (2, value)])], "x", "y"),
    "front": lambda name, value: front_chart([Point(name, value, value)], "x", "y"),
}


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("value", [0.0, 1e-9, 1e12])
def test_names_are_escaped_and_any_value_is_drawn(chart: str, value: float) -> None:
    svg = str(CHARTS[chart](HOSTILE, value))
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg
    assert "nan" not in svg
    ET.fromstring(svg)  # noqa: S314 - our own text


@pytest.mark.parametrize("chart", ["bar", "stacked", "line", "front"])
def test_what_is_not_known_is_not_drawn_as_a_number(chart: str) -> None:
    svg = str(CHARTS[chart]("a", NAN))
    assert "nan" not in svg
    ET.fromstring(svg)  # noqa: S314 - our own text
    assert ("not known" in svg) is (chart in {"bar", "stacked"})


@pytest.mark.parametrize(
    "svg",
    [
        bar_chart([], "ms"),
        stacked_chart([], ("a",), "ms"),
        box_chart([], "ms"),
        line_chart([], "x", "y"),
        front_chart([], "x", "y"),
    ],
)
def test_nothing_is_drawn_as_an_empty_picture(svg: str) -> None:
    ET.fromstring(svg)  # noqa: S314 - our own text


def test_many_rows_have_room_each() -> None:
    svg = str(box_chart([(f"row {n}", values(n + 1.0)) for n in range(30)], "ms"))
    heights = [float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="end">row', svg)]
    assert len(heights) == 30
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 20
    height = re.search(r'height="(\d+)"', svg)
    assert height is not None
    assert heights[-1] < float(height[1])


def test_a_long_name_keeps_its_end_and_has_a_tooltip() -> None:
    name = "a" * 60 + ", batch 8"
    svg = str(bar_chart([(name, 1.0, None)], "ms"))
    assert f"<title>{name}</title>" in svg
    assert "…" in svg
    assert ", batch 8</text>" in svg
