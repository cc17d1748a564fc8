"""`run` ends in a program, a proof and a report, and does nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from oxidizedvision.pipeline import PipelineOptions, PipelineResult, run

pytestmark = pytest.mark.e2e

ENGINES = {"pytorch", "torchscript", "onnxruntime", "tract", "rten", "program"}


def test_every_engine_gives_what_pytorch_gives(whole_run: PipelineResult) -> None:
    report = json.loads(whole_run.report_json.read_text())
    rows = report["validation"]["results"]
    assert next(iter(report)) == "schema_version"
    assert whole_run.passed
    assert report["validation"]["passed"] is True
    assert {row["runner"] for row in rows} >= ENGINES - {"pytorch"}
    for row in rows:
        assert row["passed"], row
        assert row["mae"] < 1e-5
        assert {"output", "rmse", "max_error", "cosine_similarity"} <= set(row)


def test_every_engine_is_measured(whole_run: PipelineResult) -> None:
    report = json.loads(whole_run.report_json.read_text())
    rows = {row["runner"]: row for row in report["benchmark"]["results"]}
    assert set(rows) >= ENGINES
    for row in rows.values():
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["throughput_per_s"] > 0
        assert row["peak_rss_mib"] > 1
    assert rows["program"]["peak_rss_mib"] < rows["pytorch"]["peak_rss_mib"]


def test_the_page_needs_nothing_from_outside(whole_run: PipelineResult) -> None:
    page = whole_run.report_html.read_text()
    assert "data:image/png;base64," in page
    assert "<svg" in page
    for outside in ("http://", "https://", "<script src", "<link"):
        assert outside not in page


def test_the_program_takes_a_picture_and_gives_one(
    whole_run: PipelineResult, photograph: Path
) -> None:
    result = Image.open(whole_run.report_json.parent / "pictures" / photograph.name)
    before = Image.open(photograph)
    assert result.size == before.size
    assert not np.array_equal(np.asarray(result), np.asarray(before))


def test_a_second_run_skips_everything(
    example: Path, photograph: Path, whole_run: PipelineResult
) -> None:
    options = PipelineOptions(output_dir=whole_run.manifest.parent, pictures=(photograph,))
    again = run(example, options=options)
    assert {stage.status for stage in again.stages} == {"skipped"}
    assert again.report["validation"] == whole_run.report["validation"]


def test_a_file_that_changed_is_made_again(
    example: Path, photograph: Path, whole_run: PipelineResult
) -> None:
    picture = whole_run.manifest.parent / "pictures" / photograph.name
    good = picture.read_bytes()
    picture.write_bytes(b"damaged")
    options = PipelineOptions(output_dir=whole_run.manifest.parent, pictures=(photograph,))
    again = run(example, options=options)
    statuses = {stage.name: stage.status for stage in again.stages}
    assert statuses["pictures"] == "ran"
    assert statuses["convert"] == "skipped"
    assert picture.read_bytes() == good
