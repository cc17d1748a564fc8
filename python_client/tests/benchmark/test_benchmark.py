"""Each runner is measured in its own process, and what goes wrong there is told here."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_program import write_program
from tiny_network import Artifact

from oxidizedvision.benchmark import BenchmarkOptions, BenchmarkReport, benchmark, verb
from oxidizedvision.benchmark.inputs import input_shapes, make_inputs
from oxidizedvision.benchmark.request import MeasureRequest
from oxidizedvision.benchmark.sessions import open_session, request_of
from oxidizedvision.benchmark.worker import peak_rss_mib, timed_runs
from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.core.results import to_plain
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners import availability

SHORT = BenchmarkOptions(iters=5, batch_size=2, warmup_iters=1, threads=1, processes=1)


def _runners(report: BenchmarkReport) -> list[str]:
    return [row.runner for row in report.results]


def test_every_engine_is_measured_and_recorded(tiny: Artifact) -> None:
    report = benchmark(tiny.config, options=SHORT)
    native = [engine.name for engine in NATIVE_ENGINES if availability(engine.name).ready]
    assert not report.failures
    assert _runners(report) == ["pytorch", "torchscript", "onnxruntime", *native]
    for row in report.results:
        assert (row.threads, row.batch_size, row.iterations) == (1, 2, 5)
        assert 0 < row.p50_ms <= row.p95_ms <= row.p99_ms
        assert row.throughput_per_s == pytest.approx(2000 / row.avg_ms)
        assert row.load_ms > 0
        assert row.first_ms > 0
        assert row.model_bytes > 100
        assert row.engine_version
    recorded = load_manifest(tiny.manifest).benchmark
    assert recorded is not None
    assert recorded["results"] == to_plain(report)["results"]
    assert recorded["options"]["plan"]["iters"] == 5
    peak = {row.runner: row.peak_rss_mib for row in report.results}
    assert peak["onnxruntime"] < peak["torchscript"]


def test_options_come_from_the_config_unless_given(tiny: Artifact) -> None:
    with tiny.config.open("a") as file:
        file.write("benchmark: {iters: 3, batch_size: 4, warmup_iters: 0}\n")
    (row,) = benchmark(tiny.config, runners=["onnxruntime"]).results
    assert (row.iterations, row.batch_size) == (3, 4)
    (row,) = benchmark(
        tiny.config, runners=["onnxruntime"], options=BenchmarkOptions(iters=2)
    ).results
    assert (row.iterations, row.batch_size) == (2, 4)


def test_peak_memory_is_the_workers_own(tiny: Artifact) -> None:
    ballast = np.ones(512 * 2**20, np.uint8)
    (row,) = benchmark(tiny.onnx, runners=["onnxruntime"], options=SHORT).results
    assert 10 < row.peak_rss_mib < 400
    assert peak_rss_mib() > ballast.nbytes / 2**20


def test_a_fixed_batch_is_not_changed_silently(pair: Artifact) -> None:
    report = benchmark(pair.config, runners=["onnxruntime"], options=SHORT)
    assert not report.results
    (failure,) = report.failures
    assert failure.kind is Kind.SHAPE_MISMATCH
    assert "fixed at 1, 2 was asked for" in failure.message
    assert "batch_size 1" in failure.hint
    assert report.exit_code is ExitCode.BAD_INPUT


def test_runners_that_are_not_here(tiny: Artifact) -> None:
    report = benchmark(tiny.onnx, runners=["tensorrt", "program"], options=SHORT)
    assert [row.name for row in report.unavailable] == ["tensorrt", "program"]
    assert report.exit_code is ExitCode.MISSING_PART
    cuda = dataclasses.replace(SHORT, device="cuda:7")
    report = benchmark(tiny.onnx, runners=["onnxruntime"], options=cuda)
    assert [row.name for row in report.unavailable] == ["onnxruntime"]


def test_the_program_measures_itself(double: Artifact) -> None:
    program = write_program(double.folder / "double")
    report = benchmark(double.config, runners=["program"], options=SHORT, program=program)
    (row,) = report.results
    assert (row.runner, row.engine_version) == ("program", "tract 0.0")
    # Five windows of one run, of 1 ms each.
    assert (row.avg_ms, row.load_ms, row.first_ms, row.peak_rss_mib) == (1, 2, 3, 4)
    assert row.model_bytes == program.stat().st_size
    program.unlink()
    report = benchmark(double.config, runners=[], options=SHORT, program=program)
    assert [row.name for row in report.unavailable] == ["program"]


def test_a_program_in_qemu_is_not_measured(
    double: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = write_program(double.folder / "double")
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + bytes([2, 0, 243, 0]) + bytes(44))
    foreign.chmod(0o755)
    qemu = tmp_path / "bin/qemu-riscv64-static"
    qemu.parent.mkdir()
    qemu.write_text(f'#!/bin/sh\nshift\nexec {real} "$@"\n')
    qemu.chmod(0o755)
    monkeypatch.setenv("PATH", f"{qemu.parent}:{os.environ['PATH']}")
    report = benchmark(double.config, runners=["program"], options=SHORT, program=foreign)
    assert not report.results
    assert "runs here by QEMU only" in report.failures[0].message


def test_a_model_without_a_manifest_needs_fixed_axes(tiny: Artifact, pair: Artifact) -> None:
    tiny.manifest.unlink()
    pair.manifest.unlink()
    one = dataclasses.replace(SHORT, batch_size=1)
    report = benchmark(tiny.onnx, runners=["onnxruntime"], options=one)
    assert "nothing gives a length" in report.failures[0].message
    assert "--shape input=batch,3,height,width" in report.failures[0].hint
    assert _runners(benchmark(pair.onnx, runners=["onnxruntime"], options=one)) == ["onnxruntime"]


@pytest.mark.parametrize(
    "change",
    [
        {"iters": 0},
        {"batch_size": 0},
        {"warmup_iters": -1},
        {"threads": 0},
        {"threads": 9999},
        {"processes": 0},
        {"timeout_s": math.nan},
        {"device": "gpu"},
    ],
)
def test_options_without_a_meaning_are_refused(tiny: Artifact, change: dict[str, object]) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        benchmark(tiny.onnx, options=dataclasses.replace(SHORT, **change))
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_a_window_is_a_number_of_runs_or_a_time() -> None:
    calls = 0

    def run() -> None:
        nonlocal calls
        calls += 1
        time.sleep(0.002)

    assert len(timed_runs(run, {"runs": 3})) == calls == 3
    start = time.perf_counter()
    times = timed_runs(run, {"seconds": 0.05, "least": 1})
    assert time.perf_counter() - start >= 0.05
    assert len(times) == calls - 3
    assert len(timed_runs(run, {"seconds": 1e-9, "least": 2})) == 2


def test_two_processes_each_and_a_reference(tiny: Artifact) -> None:
    options = dataclasses.replace(SHORT, iters=8, processes=2, reference="tract")
    report = benchmark(tiny.config, runners=["onnxruntime", "tract"], options=options)
    ours, reference = report.results
    assert (ours.processes, ours.iterations, len(ours.windows_ms)) == (2, 8, 2)
    assert len(ours.percentiles_ms) == 101
    assert ours.percentiles_ms[50] == pytest.approx(ours.p50_ms)
    assert ours.first_result_ms == pytest.approx(ours.load_ms + ours.first_ms, rel=1)
    assert reference.versus is None
    assert ours.versus is not None
    assert ours.versus.reference == "tract"
    assert report.noise is not None
    assert report.noise.name == "tract"
    with pytest.raises(OxidizedVisionError, match="none of the rows: onnxruntime"):
        benchmark(tiny.config, runners=["onnxruntime"], options=options)


def test_a_sweep_has_a_row_for_each(tiny: Artifact) -> None:
    options = dataclasses.replace(SHORT, batch_size=(1, 3), threads=(1, 2))
    report = benchmark(tiny.config, runners=["rten"], options=options)
    assert [(row.threads, row.batch_size) for row in report.results] == [
        *((1, 1), (1, 3), (2, 1), (2, 3))
    ]
    assert report.results[0].name == "rten, 1 thread, batch 1"


def test_torch_compile_is_measured_beside_eager(tiny: Artifact) -> None:
    names = ["torch.compile", "pytorch"]
    options = dataclasses.replace(SHORT, iters=2)
    report = benchmark(tiny.config, runners=names, options=options)
    assert [row.name for row in report.results] == ["pytorch", "torch.compile"]
    eager, compiled = report.results
    assert compiled.first_ms > 5 * eager.first_ms


def test_a_time_limit_is_for_a_process(tiny: Artifact) -> None:
    report = benchmark(
        tiny.onnx.parent / tiny.manifest.name,
        runners=["onnxruntime"],
        options=dataclasses.replace(SHORT, timeout_s=0.01),
    )
    assert "did not end within 0.01 s" in report.failures[0].message


def test_inputs_have_the_batch_asked_for() -> None:
    specs = (TensorSpec("a", "f32", ("n", 3, "h")), TensorSpec("b", "i64", (2,)))
    examples = {"a": [1, 3, 5], "b": [2]}
    arrays = make_inputs(specs, _asked(shapes=examples, batch_size=2))
    assert {name: (array.shape, array.dtype.name) for name, array in arrays.items()} == {
        "a": ((2, 3, 5), "float32"),
        "b": ((2,), "int64"),
    }


def _asked(**given: Any) -> MeasureRequest:
    fixed: dict[str, Any] = {
        "runner": "ort",
        "model": "m.onnx",
        "device": "cpu",
        "threads": 1,
        "optimize": True,
    }
    return MeasureRequest(**{**fixed, "shapes": {}, **given})


def test_a_length_that_was_asked_for_stands_for_its_name() -> None:
    specs = (TensorSpec("a", "f32", ("n", "h")), TensorSpec("b", "f32", ("n", 2, "h")))
    request = _asked(shapes={"a": [1, 7], "b": [1, 2, 7]}, asked_shapes={"a": [3, 5]}, batch_size=3)
    assert input_shapes(specs, request) == {"a": (3, 5), "b": (3, 2, 5)}


def test_named_axes_take_the_shape_that_is_asked_for(tiny: Artifact) -> None:
    tiny.manifest.unlink()
    asked = {"input": (2, 3, 16, 20)}
    options = dataclasses.replace(SHORT, batch_size=None, shapes=asked)
    report = benchmark(tiny.onnx, runners=["onnxruntime", "rten"], options=options)
    assert not report.failures
    assert [row.batch_size for row in report.results] == [2, 2]


def test_a_shape_wins_over_the_example_and_is_recorded(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def watched(where: Any, candidate: Any, **given: Any) -> Any:
        seen.append(request_of(where, candidate, device=None))
        return open_session(where, candidate, **given)

    monkeypatch.setattr(verb, "open_session", watched)
    options = dataclasses.replace(SHORT, shapes={"input": (1, 3, 16, 20)})
    assert not benchmark(tiny.config, runners=["onnxruntime"], options=options).failures
    specs = (TensorSpec("input", "f32", ("batch", 3, "height", "width")),)
    assert {tuple(input_shapes(specs, request).values()) for request in seen} == {((2, 3, 16, 20),)}
    recorded = load_manifest(tiny.manifest).benchmark
    assert recorded is not None
    assert recorded["options"]["shapes"] == {"input": [1, 3, 16, 20]}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"picture": (1, 3, 8, 12)}, "has no input 'picture'"),
        ({"input": (1, 3, 16, 12)}, "16 where 8 is fixed"),
        ({"input": (1, 3, 8)}, "has 3 axes"),
    ],
)
def test_a_shape_that_does_not_fit_fails(
    pair: Artifact, shape: dict[str, tuple[int, ...]], message: str
) -> None:
    options = dataclasses.replace(SHORT, batch_size=None, shapes=shape)
    report = benchmark(pair.config, runners=["onnxruntime"], options=options)
    assert not report.results
    assert message in report.failures[0].message
    assert report.exit_code is ExitCode.BAD_INPUT


def test_shapes_of_several_batches_are_refused(tiny: Artifact) -> None:
    options = dataclasses.replace(SHORT, batch_size=None, shapes={"a": (1, 2), "b": (4, 2)})
    with pytest.raises(OxidizedVisionError, match="a=1,2, b=4,2"):
        benchmark(tiny.config, options=options)


def test_what_an_engine_prints_does_not_spoil_the_answer(double: Artifact) -> None:
    source = double.folder / "model.py"
    source.write_text(
        source.read_text().replace("return picture * 2", "print('noise')\n        return picture")
    )
    report = benchmark(double.config, runners=["pytorch"], options=SHORT)
    assert _runners(report) == ["pytorch"]
