"""A real model through real engines: what they tell is led back to the file, whole."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import onnx
import pytest
from tiny_network import Artifact

from oxidizedvision import EngineProfile, EngineProfileOptions, engine_profile
from oxidizedvision.benchmark.engine_profile import verb
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.onnx_notes import MODULE, note_of
from oxidizedvision.runners import availability

RUNS = 3


def ready(name: str) -> str:
    state = availability(name)
    if not state.ready:
        pytest.skip(state.hint)
    return name


def modules_of(report: EngineProfile, name: str) -> dict[str, float]:
    return {row.name: row.ms[name] for row in report.by_module() if name in row.ms}


@pytest.mark.parametrize("name", ["ort", "tract", "openvino"])
def test_a_rust_engine_leads_back_to_the_file(tiny: Artifact, name: str) -> None:
    pytest.importorskip("oxidizedvision_native", reason="`make native` builds it")
    report = engine_profile(tiny.manifest, runners=[ready(name)], runs=RUNS)
    assert report.exit_code is ExitCode.DONE
    (engine,) = report.engines
    assert (engine.name, engine.threads, engine.device) == (name, 1, "cpu")
    assert engine.run_ms > 0
    assert {node.calls for node in engine.nodes} == {RUNS}
    assert engine.nodes_ms == pytest.approx(math.fsum(node.ms for node in engine.nodes))
    file = onnx.load(tiny.onnx).graph.node
    operators = {row.name for row in report.by_operator() if row.source == "file"}
    assert "Conv" in operators
    assert operators <= {node.op_type for node in file}
    convolutions = {note_of(node, MODULE) for node in file if node.op_type == "Conv"}
    assert convolutions == {"first", "second"}
    assert convolutions <= set(modules_of(report, name))
    assert not any(node.source == "unknown" for node in engine.nodes)
    assert load_manifest(tiny.manifest).benchmark is None


def test_pytorch_stands_beside_by_module(tiny: Artifact) -> None:
    report = engine_profile(tiny.config, runners=["pytorch", "onnxruntime"], runs=RUNS)
    (engine,) = report.engines
    assert not engine.knows_operators
    assert report.by_operator() == ()
    assert set(modules_of(report, "pytorch")) == {".", "first", "second"}
    assert {node.name: node.op_type for node in engine.nodes} == {
        ".": "Tiny",
        "first": "Conv2d",
        "second": "Conv2d",
    }
    assert {node.calls for node in engine.nodes} == {RUNS}
    assert all(node.ms > 0 for node in engine.nodes)
    (untold,) = report.untold
    assert untold.name == "onnxruntime"
    assert untold.run_ms > 0
    assert report.exit_code is ExitCode.DONE


def test_named_axes_take_the_shape_that_is_asked_for(tiny: Artifact) -> None:
    wide = EngineProfileOptions(shapes={"input": (2, 3, 64, 96)})
    report = engine_profile(tiny.config, runners=["pytorch"], options=wide, runs=RUNS)
    assert report.batch_size == 2
    small = EngineProfileOptions(shapes={"input": (2, 3, 64)})
    failed = engine_profile(tiny.config, runners=["pytorch"], options=small, runs=RUNS)
    assert "has 3 axes" in failed.failures[0].message
    tiny.manifest.unlink()
    alone = engine_profile(tiny.onnx, runners=["onnxruntime"], options=wide, runs=RUNS)
    assert not alone.failures


def test_engines_that_are_missing_or_fail_leave_the_others(pair: Artifact) -> None:
    options = EngineProfileOptions(batch_size=2)
    report = engine_profile(
        pair.config, runners=["onnxruntime", "tensorrt"], options=options, runs=RUNS
    )
    assert [gone.name for gone in report.unavailable] == ["tensorrt"]
    (failure,) = report.failures
    assert failure.runner == "onnxruntime"
    assert "fixed at 1, 2 was asked for" in failure.message
    assert report.exit_code is ExitCode.BAD_INPUT


def test_each_engine_is_asked_by_itself(tiny: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    with tiny.config.open("a") as file:
        file.write("benchmark: {batch_size: 4}\n")
    asked: list[Any] = []

    def answer(request: Any, timeout_s: float, *, worker: str) -> dict[str, Any]:
        asked.append((request, timeout_s, worker))
        if request.runner == "onnxruntime":
            raise OxidizedVisionError(Kind.PANICKED, "it died", "Report it.")
        if request.runner == "torchscript":
            raise OxidizedVisionError(Kind.BACKEND_UNAVAILABLE, "it is not here", "Install it.")
        return {"engine_version": "1", "device": "cpu", "threads": 1, "run_ms": 1.0, "nodes": None}

    monkeypatch.setattr(verb, "ask_apart", answer)
    report = engine_profile(
        tiny.config,
        runners=["onnxruntime", "torchscript", "torch.compile"],
        options=EngineProfileOptions(threads=2, timeout_s=9),
        runs=7,
    )
    requests = {request.runner: request for request, _, _ in asked}
    assert {timeout for _, timeout, _ in asked} == {9}
    onnxruntime = requests["onnxruntime"]
    assert (onnxruntime.threads, onnxruntime.batch_size, onnxruntime.runs) == (2, 4, 7)
    assert requests["pytorch"].compiled
    assert requests["pytorch"].config
    assert (report.runs, report.batch_size) == (7, 4)
    assert [failure.runner for failure in report.failures] == ["onnxruntime"]
    assert [gone.name for gone in report.unavailable] == ["torchscript"]
    assert [untold.name for untold in report.untold] == ["torch.compile"]


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        (EngineProfileOptions(threads=0), 1),
        (EngineProfileOptions(batch_size=0), 1),
        (EngineProfileOptions(timeout_s=math.nan), 1),
        (EngineProfileOptions(timeout_s=0), 1),
        (EngineProfileOptions(), 0),
    ],
)
def test_numbers_without_a_meaning_are_refused(
    tiny: Artifact, options: EngineProfileOptions, runs: int
) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        engine_profile(tiny.onnx, runners=["onnxruntime"], options=options, runs=runs)
    assert caught.value.kind == Kind.USAGE


def test_a_file_that_is_no_model_is_refused(tiny: Artifact) -> None:
    tiny.onnx.write_bytes(b"no model")
    with pytest.raises(OxidizedVisionError) as caught:
        engine_profile(tiny.manifest, runners=["onnxruntime"])
    assert caught.value.kind == Kind.CORRUPT


def test_a_file_of_another_format_is_refused(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = verb.resolve(tiny.manifest)
    other = dataclasses.replace(where, model=tiny.onnx.with_suffix(".ort"))
    monkeypatch.setattr(verb, "resolve", lambda _: other)
    with pytest.raises(OxidizedVisionError) as caught:
        engine_profile(tiny.onnx, runners=["ort"])
    assert caught.value.kind == Kind.USAGE
    assert "tiny.ort" in caught.value.message
