"""What is printed and drawn of a comparison tells the layer at fault."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from pathlib import Path

import pytest
from made_graphs import fused, network, one_filter, picture
from markupsafe import Markup

from oxidizedvision.cli.layers import reduction_views, report_views
from oxidizedvision.cli.render import Facts, Table
from oxidizedvision.core.results import to_plain
from oxidizedvision.layers import (
    REFERENCE,
    LayerReport,
    LayerReports,
    Reduction,
    Side,
    compare,
)
from oxidizedvision.layers.chart import layer_chart
from oxidizedvision.layers.report import OutputError
from oxidizedvision.layers.words import verdict
from oxidizedvision.report.layer_page import write_html


@pytest.fixture(scope="module")
def bad() -> LayerReport:
    sides = Side(network(), REFERENCE, "clean"), Side(one_filter(network()), REFERENCE, "<bad>")
    return compare(*sides, picture(), full=True)


def test_the_table_marks_the_layer_at_fault(bad: LayerReport) -> None:
    table, *_, last = report_views(bad)
    assert isinstance(table, Table)
    assert [table.rows[number][1] for number in table.bad] == ["/c2"]
    assert last == verdict(bad)
    assert isinstance(last, str)
    assert last.startswith("first diverging layer: second.conv: /c2 (Conv)")


def test_rounding_that_adds_up_beyond_the_tolerance_is_a_failure(bad: LayerReport) -> None:
    moved = OutputError("output", 0.2, "cosine similarity 0.9 is below 0.99")
    report = dataclasses.replace(bad, layers=(), first=None, outputs=(moved,))
    assert not report.passed
    assert verdict(report).startswith("FAILED: output is beyond what is allowed, though no layer")
    assert verdict(dataclasses.replace(report, outputs=())).startswith("no layer diverges")


def test_what_has_another_value_under_its_name_shows_no_figures() -> None:
    sides = Side(network(), REFERENCE, "clean"), Side(fused(network()), REFERENCE, "fused")
    report = compare(*sides, picture(), full=True)
    (renamed,) = [layer for layer in report.layers if layer.renamed]
    assert renamed.local is not None
    assert renamed.local.sqnr_db < 20
    table, *_, last = report_views(report)
    assert isinstance(table, Table)
    (row,) = [row for row in table.rows if row[1] == renamed.node]
    assert list(row[4:]) == ["other value", *["–"] * 5]
    assert len(row) == len(table.columns)
    assert not table.bad
    assert last == "no layer diverges: rounding explains all of fused in onnxruntime"
    assert renamed.node not in [row[1] for row in _table(report, most=4).rows]
    page = render_layers(report)
    assert "<td>other value</td>" in page
    assert f"{renamed.local.sqnr_db:.1f} dB" not in page
    assert "values of other meanings" in page


def _table(report: LayerReport, most: int) -> Table:
    table, *_ = report_views(report, most)
    assert isinstance(table, Table)
    return table


def render_layers(report: LayerReport) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layers.html"
        write_html(LayerReports("net", (report,)), path)
        return path.read_text("utf-8")


def test_a_long_report_shows_what_comes_before_the_fault(bad: LayerReport) -> None:
    table, more, *_ = report_views(bad, most=4)
    assert isinstance(table, Table)
    shown = [row[1] for row in table.rows]
    assert len(shown) == 4
    assert {"/c1", "/r1", "/c2"} <= {*shown}
    assert more == "… and 6 more layers"


def test_the_chart_names_the_first_and_escapes_what_it_says(bad: LayerReport) -> None:
    chart = layer_chart(bad)
    assert isinstance(chart, Markup)
    assert "first: second.conv: /c2 (Conv)" in chart
    assert "&lt;bad&gt;" in chart
    assert "<bad>" not in chart
    # One mark for each layer and curve; those that diverge are larger.
    assert len(re.findall("<circle", chart)) == 2 * len(bad.layers)
    large = len(re.findall('r="6"', chart))
    diverging = [e for la in bad.layers for e in (la.local, la.accumulated) if e and e.diverges]
    assert large == len(diverging) > 1


def test_a_report_is_plain_json(bad: LayerReport) -> None:
    plain = json.loads(json.dumps(to_plain(bad), allow_nan=False))
    assert plain["first"]["node"] == "/c2"
    assert plain["layers"][0]["local"]["rms"] == 0


def test_nothing_measured_is_a_chart_too() -> None:
    empty = LayerReport("m", "a", "b", "bisect", (), None, (), failure="it does not run")
    assert "no layer was measured" in layer_chart(empty)
    assert report_views(empty) == ["FAILED: b does not run: it does not run"]


def test_what_is_left_is_listed() -> None:
    found = Reduction(
        "m", "tract", True, "differs", "y is off", ("/c2",), ("Conv",), 10, 4, Path("x")
    )
    table, facts = reduction_views(found)
    assert isinstance(table, Table)
    assert list(table.rows) == [("/c2", "Conv")]
    assert isinstance(facts, Facts)
    assert ("left", "1 of 10 nodes, after 4 tries") in facts.pairs
    nothing = reduction_views(Reduction("m", "tract", failing=False))
    assert len(nothing) == 1
    assert str(nothing[0]).startswith("m in tract does not fail: its outputs keep their limits")
    limits = Reduction("m", "ort", True, "limits", "y: cosine similarity 0.9 is below 0.99")
    first, second = map(str, reduction_views(limits))
    assert first == "FAILED: m in ort: y: cosine similarity 0.9 is below 0.99"
    assert "No part of it fails by itself" in second
