"""The page of an engine profile draws each engine beside the others and escapes what it is told."""

from __future__ import annotations

import dataclasses
import math
import re
import xml.etree.ElementTree as ET

import pytest
from made_engine_profile import FUSING, engine, profile_of, three_engines

from oxidizedvision.benchmark.engine_profile import UntoldEngine
from oxidizedvision.report.charts import grouped_chart
from oxidizedvision.report.engine_profile import render_engine_profile

HOSTILE = '<script>alert("x")</script>'


def bars(svg: str) -> list[tuple[str, float, float]]:
    """Class, top and width of each bar; the key's are square."""
    found = re.findall(
        r'<rect class="mark (c\d)" x="[\d.]+" y="([\d.]+)" width="([\d.]+)" height="13"', svg
    )
    return [(css, float(top), float(width)) for css, top, width in found]


def test_bars_are_in_proportion_and_stand_in_groups() -> None:
    svg = str(grouped_chart([("a", (10.0, 5.0)), ("b", (None, 2.5))], ("one", "two"), "ms"))
    (first, top, whole), (second, below, half), (third, last, quarter) = bars(svg)
    assert (first, second, third) == ("c0", "c1", "c1")
    assert whole == 2 * half == 4 * quarter
    assert top < below < last
    for text in ("10 ms", "2.5 ms", ">one<", ">two<", ">a<", ">b<"):
        assert text in svg, text


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_not_known_has_no_bar(value: float | None) -> None:
    svg = str(grouped_chart([("a", (value, 1.0))], ("one", "two"), "ms"))
    assert len(bars(svg)) == 1
    assert svg.count("<rect") == 3  # two are the key's
    assert 'width="400.0"' in svg


def test_a_chart_is_well_formed_with_any_number_of_series() -> None:
    names = [f"{HOSTILE}{number}" for number in range(10)]
    svg = str(grouped_chart([(HOSTILE, [1.0] * 10)], names, "ms"))
    ET.fromstring(svg)  # noqa: S314 - our own
    assert len(bars(svg)) == 10
    assert not re.search(r'"mark c[89]', svg)
    ET.fromstring(str(grouped_chart([], [], "ms")))  # noqa: S314


def test_both_parts_with_their_tables() -> None:
    page = render_engine_profile(three_engines(), top=2)
    assert page.count("<svg") == 2
    for text in (
        "By operator",
        "By module",
        "<td>Conv</td>",
        "<td>7.000</td>",
        "the rest (4 rows)",
    ):
        assert text in page, text
    assert "pytorch tells time by module" in page
    assert "Machine: Some CPU" in page


def test_an_engine_has_one_colour() -> None:
    page = render_engine_profile(three_engines())
    keys = re.findall(r'class="mark (c\d)" x="[\d.]+" y="8"[^>]*/><text[^>]*>(\w+)<', page)
    assert len(keys) == 5
    assert len({name for _, name in keys}) == len(set(keys)) == 3


def test_one_part_alone_and_none_at_all() -> None:
    page = render_engine_profile(three_engines(), by=["module"], depth=1)
    assert page.count("<svg") == 1
    assert "not by operator" not in page
    page = render_engine_profile(profile_of(untold=(UntoldEngine("rten", "1", 2.0),)))
    assert "No engine told where its time goes." in page
    assert "rten cannot tell" in page


def test_names_are_escaped() -> None:
    hostile = dataclasses.replace(FUSING[1], op_type=HOSTILE)
    page = render_engine_profile(profile_of(engine("ort", (hostile,), 1.0), model=HOSTILE))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
