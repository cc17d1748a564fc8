"""`make bench-overhead`: the Python worker does what it is told, and the table hides nothing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from oxidizedvision import TensorSpec
from oxidizedvision.runners import availability

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "benchmarks" / "overhead"
TINY = ROOT / "testdata" / "models" / "residual.onnx"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"overhead_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


worker = _module("worker")
table = _module("table")


@pytest.fixture(params=["tract", "rten"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not availability(name).ready:
        pytest.skip(f"{name} is not here")
    return name


def test_made_up_values_are_those_of_the_rust_side() -> None:
    made = worker.made_up(TensorSpec("x", "f32", (2, 500)))
    assert made.shape == (2, 500)
    assert made.dtype == np.float32
    # The Rust test of `made_up` has the same numbers.
    expected = np.asarray([0.0, 0.618_033_95, 0.236_067_95], np.float32)
    assert np.array_equal(made.ravel()[:3], expected)


@pytest.mark.parametrize(
    "spec", [TensorSpec("x", "i64", (2,)), TensorSpec("x", "f32", ("batch", 3))]
)
def test_what_cannot_be_made_up_is_refused(spec: TensorSpec) -> None:
    with pytest.raises(ValueError, match="'x'"):
        worker.made_up(spec)


def test_the_worker_answers_every_request(engine: str) -> None:
    told = worker.Worker(engine)
    assert told.answer(f"load {TINY}") == {"done": True}
    times = told.answer("time 4")["times"]
    assert len(times["each"]) == 4
    assert all(time > 0 for time in times["each"])
    assert times["processor"] > 0
    values = told.answer("values")["values"]
    assert len(values) == 3 * 8 * 8
    assert max(values) > 0.01
    assert told.answer("repeat 3") == {"done": True}
    assert told.answer(f"cycle 2 {TINY}") == {"done": True}
    assert told.answer("resident")["bytes"] > 1 << 20
    with pytest.raises(ValueError, match="no model is loaded"):
        told.answer("time 4")


def test_the_worker_outlives_what_it_cannot_do(engine: str) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / "worker.py", "--engine", engine],
        input=f"time 4\nload no.onnx\njump\ntime x\nload {TINY}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [next(iter(answer)) for answer in answers] == ["error"] * 4 + ["done"]
    assert "no.onnx" in answers[1]["error"]


def _document(*, holds: bool) -> dict[str, Any]:
    speed = {
        "sides": "rust/bare",
        "model": "m.onnx",
        "measure": "ratio",
        "clock": "processor",
        "low": 0.99,
        "median": 1.0,
        "high": 1.01 if holds else 1.2,
        "first_us": 10.0,
        "second_us": 10.1,
        "bound": 1.05,
        "passed": holds,
    }
    memory = {
        "layer": "python",
        "model": "m.onnx",
        "habit": "cycles",
        "count": 200,
        "start_mib": 50.0,
        "end_mib": 50.5 if holds else 99.0,
        "passed": holds,
    }
    report = {
        "engine": "rten",
        "engine_version": "1",
        "speed": [speed],
        "memory": [memory],
        "passed": holds,
    }
    return {
        "machine": {"cpu": "Fast CPU", "threads_granted": 2, "flags": ["avx2"]},
        "engines": [report],
        "unavailable": [],
        "failures": [],
        "passed": holds,
    }


def test_the_table_shows_what_is_broken() -> None:
    text = table.render(_document(holds=False))
    assert text.count("| NO |") == 2
    assert "a bound is broken" in text
    assert len(list(table.broken(_document(holds=False)["engines"]))) == 2


def test_what_the_bare_engine_keeps_is_shown_as_its_own() -> None:
    document = _document(holds=True)
    document["engines"][0]["memory"][0].update(layer="bare", passed=False)
    assert "| no: the engine's own |" in table.render(document)
    assert not list(table.broken(document["engines"]))


def test_the_table_of_what_holds_names_machine_interval_and_bound() -> None:
    text = table.render(_document(holds=True))
    assert "Fast CPU, 2 threads granted, flags avx2" in text
    assert "| 1.000 × (processor) | 0.990 to 1.010 | 1.05 ×" in text
    assert "200 loads and drops of m.onnx | 50.0 | 50.5 | yes" in text
    assert "every bound holds" in text
    assert not list(table.broken(_document(holds=True)["engines"]))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program; its neighbours are importable as when it is started."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return _module("run")


@pytest.mark.parametrize(
    ("changes", "skip", "code"),
    [
        ({}, False, 0),
        ({"passed": False}, True, 3),
        ({"unavailable": [{"engine": "tch", "hint": "…"}]}, False, 4),
        ({"unavailable": [{"engine": "tch", "hint": "…"}]}, True, 0),
        ({"failures": [{"engine": "tch", "message": "…"}], "passed": False}, True, 1),
    ],
)
def test_the_exit_code_tells_what_happened(
    run: ModuleType, changes: dict[str, Any], skip: bool, code: int
) -> None:
    document = {**_document(holds=True), **changes}
    assert run.exit_code(document, skip_unavailable=skip) == code


def test_an_engine_that_is_not_here_is_shown_and_measured_by_none(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Missing:
        def check(self) -> Any:
            return availability("tensorrt").__class__("missing", hint="install it")

    monkeypatch.setattr(run, "engine_named", lambda _: Missing())
    assert run.main(["--engine", "rten"]) == 4
    assert "rten: not measured: install it" in capsys.readouterr().out
