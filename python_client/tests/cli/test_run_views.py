"""`run` shows what `validate` and `benchmark` show, from the document that it wrote."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from made_report import report_of as measured_of
from made_report import three_rows
from made_validation import full_report

from oxidizedvision.cli import benchmark, validate
from oxidizedvision.cli.render import Table
from oxidizedvision.cli.run import result_views
from oxidizedvision.core.results import to_plain
from oxidizedvision.pipeline import PipelineResult, StageOutcome


def result_of(validation: Any, measured: Any) -> PipelineResult:
    report = {
        "validation": validation,
        "benchmark": measured,
        "files": [{"name": "ONNX", "file": "net.onnx", "bytes": 1500}],
    }
    out = Path("out")
    return PipelineResult(
        passed=True,
        name="net",
        manifest=out / "net.oxv.json",
        crate=out / "crate",
        executable=None,
        report_json=out / "report.json",
        report_html=out / "report.html",
        stages=(StageOutcome("convert", "ran", 1.25), StageOutcome("package", "skipped", 0.0)),
        unavailable=(),
        report=json.loads(json.dumps(report, allow_nan=False)),
    )


def test_the_tables_are_those_of_the_verbs() -> None:
    validation, measured = full_report(), measured_of(*three_rows())
    views = result_views(result_of(to_plain(validation), to_plain(measured)))
    shown = [
        *validate.report_views(dataclasses.replace(validation, model="against PyTorch")),
        *benchmark.report_views(dataclasses.replace(measured, model="latency")),
    ]
    assert views[1 : 1 + len(shown)] == shown


def test_what_json_cannot_hold_is_shown_as_it_was() -> None:
    validation = full_report()
    assert math.isinf(validation.results[0].sqnr_db or 0.0)
    assert math.isnan(validation.results[2].mae)
    result = result_of(to_plain(validation), to_plain(measured_of(*three_rows())))
    stages, parity, *_ = result_views(result)
    assert isinstance(stages, Table)
    assert stages.rows == [("convert", "ran", "1.2"), ("package", "skipped", "0.0")]
    assert isinstance(parity, Table)
    assert parity.title == "against PyTorch"
    assert parity.bad == {2}
    decibels = list(parity.columns).index("SQNR dB")
    assert [row[decibels] for row in parity.rows] == ["∞", "130.0", "–"]
    assert parity.rows[2][list(parity.columns).index("MAE")] == "–"
