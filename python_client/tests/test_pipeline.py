"""`run` refuses what it cannot end well before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_network import Artifact, write_project

from oxidizedvision.config import load_config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import silent
from oxidizedvision.pipeline import PipelineOptions, _load_state, _Run, run


def refused(project: Artifact, options: PipelineOptions) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        run(project.config, options=options)
    assert not (project.folder / "out").exists()
    return caught.value


def test_an_engine_that_no_program_has(tmp_path: Path) -> None:
    error = refused(write_project(tmp_path), PipelineOptions(engine="onnxruntime"))
    assert error.kind is Kind.USAGE
    assert "cannot be made for engine 'onnxruntime'" in error.message


def test_int8_without_anything_to_calibrate_on(tmp_path: Path) -> None:
    project = write_project(tmp_path, more="optimize: {quantize: int8}\n")
    error = refused(project, PipelineOptions())
    assert error.kind is Kind.CONFIG
    assert "calibration.data" in error.message


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    options = PipelineOptions(pictures=(tmp_path / "none.png",))
    assert refused(write_project(tmp_path), options).kind is Kind.NOT_FOUND


def test_a_manifest_that_is_gone_makes_every_stage_run(tiny: Artifact) -> None:
    config = load_config(tiny.config)
    assert not _Run(config, PipelineOptions(), silent).stale
    tiny.manifest.write_text("{")
    assert _Run(config, PipelineOptions(), silent).stale
    tiny.manifest.unlink()
    assert _Run(config, PipelineOptions(), silent).stale


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"schema_version": 2, "stages": {}}',
        '{"schema_version": 1, "stages": []}',
        '{"schema_version": 1, "stages": {"convert": {"inputs": {}}, "optimize": 3}}',
    ],
)
def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "net.run.json").write_text(text)
    assert _load_state(tmp_path / "net.run.json") == {}


def test_the_program_is_held_to_the_budget(tiny: Artifact) -> None:
    row = {"runner": "program", "p50_ms": 9.0, "p50_interval_ms": [8.9, 9.1], "model_bytes": 1}
    results: dict[str, Any] = {
        "benchmark": {"results": [{**row, "runner": "rten", "p50_ms": 1.0}, row]},
        "package": {"engine": "rten"},
        "validate": {"results": []},
    }

    def kept(**limits: float) -> bool | None:
        config = load_config(tiny.config).replaced("budget", **limits)
        work = _Run(config, PipelineOptions(), silent)
        work.model, work.executable = tiny.onnx, None
        budget = work.budget(results)
        return budget.kept if budget else None

    assert kept() is None
    assert kept(latency_ms=10.0) is True
    assert kept(latency_ms=5.0) is False
    assert kept(size_mb=tiny.onnx.stat().st_size / 1e6) is True
    assert kept(size_mb=tiny.onnx.stat().st_size / 1e6 - 1e-6) is False
    results["benchmark"]["results"].pop()
    assert kept(latency_ms=5.0) is True
