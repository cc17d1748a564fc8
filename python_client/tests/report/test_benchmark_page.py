"""The page of a benchmark has every chart that there are figures for, and no other."""

from __future__ import annotations

import dataclasses
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_report import INFINITE, report_of, row_of, sweep_rows, three_rows

from oxidizedvision import write_html
from oxidizedvision.benchmark.report import BenchmarkFailure, Comparison
from oxidizedvision.budget import BudgetFigure, BudgetReport, Lever
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.report.benchmark import front_points, model_sizes, render_benchmark
from oxidizedvision.runners.target import Unavailable

HOSTILE = '<script>alert("x")</script><img src=x onerror=y>'
ERRORS = {"pytorch": 0.0, "ort": 5e-7, "rten": 4e-7}


class Text(HTMLParser):
    """Headings and tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "h2" and data.strip():
            self.headings.append(data.strip())


def headings(page: str) -> list[str]:
    return list(dict.fromkeys(Text(page).headings))


def test_a_plain_benchmark() -> None:
    page = render_benchmark(report_of(*three_rows()))
    assert headings(page) == ["Latency", "Start", "Memory", "Size", "Machine"]
    assert Text(page).tags.count("svg") == 4
    for text in (
        "no significant difference",
        '<td class="good">faster</td>',
        "Noise floor: pytorch measured a second time",
        "Some CPU, avx2 fma",
        "2.42 to 2.60",
    ):
        assert text in page, text


def test_errors_make_the_front_and_a_sweep_the_curves() -> None:
    with_errors = render_benchmark(report_of(*three_rows(), errors=ERRORS))
    assert headings(with_errors)[1] == "Latency and error"
    assert "ms of one run" in with_errors
    sweep = render_benchmark(report_of(*sweep_rows(), errors={"runner0": 1e-6}))
    assert headings(sweep)[1:3] == ["Throughput against batch", "Latency and error"]
    assert "ms for each input" in sweep
    assert Text(sweep).tags.count("svg") == 6
    one_batch = render_benchmark(report_of(row_of("rten", name="rten, batch 4", batch_size=4)))
    assert "Throughput against batch" not in one_batch


def test_points_of_the_front_are_for_each_input_and_the_fastest_is_named() -> None:
    points = front_points(report_of(*sweep_rows(2), errors={"runner1": 1e-6}))
    assert [point.label for point in points] == [f"runner1, batch {n}" for n in (1, 4, 8)]
    assert [point.named for point in points] == [False, False, True]
    assert points[2].latency == pytest.approx(6.0 * 8**0.9 / 8)


def test_the_start_adds_up_to_the_first_result() -> None:
    row = row_of("rten", load_ms=12.0, first_ms=7.0, first_result_ms=21.5)
    assert "21.5 ms (12 + 9.5)" in render_benchmark(report_of(row))


def test_the_size_of_a_file_is_drawn_once() -> None:
    rows = (*sweep_rows(2), row_of("ort"), row_of("ort", name="ort, half", model_bytes=5))
    assert model_sizes(rows) == {
        "runner0": 92_800,
        "runner1": 92_800,
        "ort": 92_800,
        "ort, half": 5,
    }


@pytest.mark.parametrize("kept", [True, False])
def test_a_budget_has_its_verdict_and_what_was_tried(*, kept: bool) -> None:
    figure = BudgetFigure("latency_ms", 10.0, "ort", 8.0, kept, within_noise=False, share=0.8)
    lever = Lever("<i>fp16</i>", "8.0 ms", helped=False)
    budget = BudgetReport(kept, "ort", (figure,), (figure,), levers=(lever,))
    page = render_benchmark(report_of(*three_rows(), budget=budget))
    colour = "good" if kept else "bad"
    assert f'<strong class="{colour}">The budget is {"surely kept" if kept else "broken"}' in page
    assert "Tried &lt;i&gt;fp16&lt;/i&gt;: 8.0 ms, which did not help." in page
    assert "budget" not in render_benchmark(report_of(*three_rows()))


def test_hostile_names_stay_text() -> None:
    row = row_of(
        HOSTILE,
        engine_version=HOSTILE,
        device=HOSTILE,
        settled=False,
        disturbed=0.5,
    )
    row = dataclasses.replace(row, versus=Comparison(HOSTILE, 2.0, (1.9, 2.1), "faster"))
    report = report_of(
        row,
        *sweep_rows(1),
        model=HOSTILE,
        machine={"cpu": HOSTILE, "flags": [HOSTILE], "versions": {HOSTILE: HOSTILE}},
        errors={HOSTILE: 1e-6},
        failures=(BenchmarkFailure(HOSTILE, Kind.PANICKED, HOSTILE, HOSTILE),),
        unavailable=(Unavailable(HOSTILE, HOSTILE, HOSTILE),),
    )
    tags = Text(render_benchmark(report)).tags
    assert "script" not in tags
    assert "img" not in tags


def test_the_page_needs_nothing_from_outside() -> None:
    page = render_benchmark(report_of(*sweep_rows(), errors={"runner0": 0.0}))
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", page)


def test_a_single_row_without_figures_to_compare() -> None:
    row = row_of("rten", 0.0, p50_interval_ms=INFINITE, peak_rss_mib=math.nan, model_bytes=0)
    page = render_benchmark(report_of(row, noise=None, machine={}))
    assert "not known" in page
    assert "Noise floor: not measured" in page
    assert "against" not in page.split("<body>")[1].split("Noise")[0]
    assert "nan" not in page
    assert "inf" not in page


def test_nothing_measured_says_why() -> None:
    failure = BenchmarkFailure("tract", Kind.PANICKED, "it died", "Report it.")
    page = render_benchmark(report_of(noise=None, failures=(failure,)))
    assert headings(page) == ["Latency", "Machine"]
    assert "Nothing was measured." in page
    assert "tract failed: it died" in page
    assert "<svg" not in page


def test_the_page_is_written_where_it_should(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    write_html(report_of(*three_rows()), path)
    assert path.read_text("utf-8").startswith("<!doctype html>")
    with pytest.raises(OxidizedVisionError) as error:
        write_html(report_of(), path / "page.html")
    assert error.value.exit_code == 5
