"""A model is really loaded and run in every engine, and the table tells the truth about each."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from fake_program import write_program
from safetensors.numpy import load_file, save_file
from tiny_network import Artifact

from oxidizedvision import try_backends
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.seeded import seeded_inputs
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners import NAMES, availability, oneshot
from oxidizedvision.trial import Trial, TrialReport

NATIVE = [name for name in ("tract", "rten") if availability(name).ready]
DIES_IN = """
import io, json, os, runpy, signal, sys
text = sys.stdin.read()
if json.loads(text)["runner"] == {name!r}:
    os.kill(os.getpid(), signal.SIGSEGV)
sys.stdin = io.StringIO(text)
runpy.run_module(sys.argv[1], run_name="__main__")
"""


def by_name(report: TrialReport) -> dict[str, Trial]:
    return {row.name: row for row in report.rows}


def test_a_config_is_tried_in_every_engine(tiny_shared: Artifact) -> None:
    report = try_backends(tiny_shared.config)
    rows = by_name(report)
    assert list(rows) == [name for name in NAMES if name != "program"]
    for name in ["pytorch", "torchscript", "onnxruntime", *NATIVE]:
        row = rows[name]
        assert (row.status, row.reason) == ("works", ""), row
        assert row.load_ms is not None
        assert row.load_ms > 0
        assert row.first_ms is not None
        assert row.first_ms > 0
        assert row.cases > 0
        assert row.max_error is not None
        assert row.max_error < 1e-5
        assert row.input_shapes == {"input": [1, 3, 8, 12]}
        assert row.version
    for name, row in rows.items():
        if not availability(name).ready:
            assert row.status == "unavailable"
            assert row.hint
    assert report.exit_code == ExitCode.DONE


def test_a_file_alone_runs_on_seeded_numbers(tiny: Artifact) -> None:
    tiny.manifest.unlink()
    rows = by_name(try_backends(tiny.onnx))
    assert "torchscript" not in rows
    row = rows["onnxruntime"]
    assert (row.status, row.cases, row.max_error) == ("works", 0, None)
    assert row.input_shapes == {"input": [1, 3, 64, 64]}


def test_a_torchscript_file_is_tried_in_its_engines(tiny_shared: Artifact) -> None:
    rows = by_name(try_backends(tiny_shared.torchscript))
    assert list(rows) == ["torchscript", "tch"]
    assert rows["torchscript"].status == "works"
    assert rows["torchscript"].cases > 0


def test_an_answer_that_differs_does_not_work(tiny: Artifact) -> None:
    tensors = load_file(tiny.goldens)
    save_file({k: v + (0.5 if "/output/" in k else 0) for k, v in tensors.items()}, tiny.goldens)
    report = try_backends(tiny.onnx)
    row = by_name(report)["onnxruntime"]
    assert row.status == "differs"
    assert row.max_error == pytest.approx(0.5, abs=1e-4)
    assert "MAE" in row.reason
    assert report.exit_code == ExitCode.CHECK_FAILED


def test_a_crash_in_one_engine_does_not_end_the_others(
    tiny_shared: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = DIES_IN.format(name="onnxruntime")
    monkeypatch.setattr(oneshot, "_COMMAND", (sys.executable, "-c", code))
    report = try_backends(tiny_shared.onnx)
    rows = by_name(report)
    assert rows["onnxruntime"].status == "no_answer"
    assert "signal 11" in rows["onnxruntime"].reason
    assert [rows[name].status for name in NATIVE] == ["works"] * len(NATIVE)


def test_a_file_that_is_no_model_is_a_row_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"no model")
    report = try_backends(path)
    row = by_name(report)["onnxruntime"]
    assert row.status == "load_error"
    assert row.reason
    assert row.hint
    assert report.exit_code == ExitCode.CHECK_FAILED


@pytest.mark.parametrize(
    ("fault", "status"), [("", "works"), ("dies", "run_error"), ("no-info", "load_error")]
)
def test_a_program(tmp_path: Path, fault: str, status: str) -> None:
    report = try_backends(write_program(tmp_path / "program", fault=fault))
    assert [(row.name, row.status) for row in report.rows] == [("program", status)]


def test_what_is_no_model_is_an_error(tiny: Artifact, tmp_path: Path) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        try_backends(tmp_path / "missing.onnx")
    assert caught.value.kind == Kind.NOT_FOUND
    tiny.goldens.write_bytes(b"broken")
    with pytest.raises(OxidizedVisionError) as caught:
        try_backends(tiny.onnx)
    assert caught.value.kind == Kind.CORRUPT


def test_seeded_inputs_suit_every_type() -> None:
    specs = tuple(TensorSpec(kind, kind, ("n", 2)) for kind in ("f16", "u8", "i64", "bool"))
    inputs = seeded_inputs(specs, {"u8": [3, 2]})
    assert {name: array.dtype.name for name, array in inputs.items()} == {
        "f16": "float16",
        "u8": "uint8",
        "i64": "int64",
        "bool": "bool",
    }
    assert inputs["u8"].shape == (3, 2)
    assert inputs["i64"].shape == (1, 2)
    for name, array in seeded_inputs(specs, {"u8": [3, 2]}).items():
        np.testing.assert_array_equal(array, inputs[name])
