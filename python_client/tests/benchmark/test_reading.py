"""A report read from its document is the report that was written."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from made_report import INFINITE, report_of, row_of, three_rows

from oxidizedvision.benchmark.reading import report_from
from oxidizedvision.benchmark.report import BenchmarkFailure
from oxidizedvision.budget import BudgetFigure, BudgetReport
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import to_plain
from oxidizedvision.runners.target import Unavailable

FIGURE = BudgetFigure("latency_ms", 10.0, "ort", 8.0, kept=True, within_noise=False, share=0.8)


def document_of(report: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(to_plain(report), allow_nan=False))
    return document


def test_a_report_comes_back_as_it_was() -> None:
    report = report_of(
        *three_rows(),
        failures=(BenchmarkFailure("tract", Kind.PANICKED, "died", "Report it."),),
        unavailable=(Unavailable("tch", "missing", "Build."),),
        errors={"ort": 4.7e-7},
        skip_unavailable=True,
        budget=BudgetReport(kept=True, candidate="ort", limits=(FIGURE,), figures=(FIGURE,)),
    )
    assert report_from(document_of(report)) == report


def test_nulls_are_what_they_were() -> None:
    row = row_of("rten", peak_rss_mib=math.nan, p50_interval_ms=INFINITE, disturbed=None)
    (read,) = report_from(document_of(report_of(row, noise=None))).results
    assert math.isnan(read.peak_rss_mib)
    assert read.p50_interval_ms == INFINITE
    assert read.disturbed is None
    assert read.versus is None


def test_keys_of_a_later_version_are_left_out() -> None:
    document = document_of(report_of(*three_rows()))
    document["later"] = document["results"][0]["later"] = 1
    assert report_from(document) == report_of(*three_rows())


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 1},
        {"schema_version": None},
        {"results": [{"name": "a"}]},
        {"results": 3},
        {"budget": {"kept": "perhaps"}},
        {"noise": {"interval": [1]}},
        {"failures": [{"runner": "a", "kind": "no kind", "message": "", "hint": ""}]},
    ],
)
def test_what_is_no_report_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(OxidizedVisionError, match="cannot be read") as error:
        report_from(document_of(report_of(*three_rows())) | change)
    assert error.value.kind is Kind.CORRUPT
