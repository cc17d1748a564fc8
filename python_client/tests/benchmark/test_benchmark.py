"""Each runner is measured in its own process, and what goes wrong there is told here."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from fake_program import write_program
from tiny_network import Artifact

from oxidizedvision.benchmark import BenchmarkOptions, BenchmarkReport, benchmark, process
from oxidizedvision.benchmark.worker import Request, make_inputs, measure, peak_rss_mib
from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.core.results import to_plain
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners import availability

SHORT = BenchmarkOptions(iters=5, batch_size=2, warmup_iters=1, threads=1)


def _request(artifact: Artifact, **changes: object) -> Request:
    request = Request(
        runner="onnxruntime",
        model=str(artifact.onnx),
        shapes={"input": [1, 3, 8, 12]},
        device="cpu",
        threads=1,
        optimize=True,
        iters=2,
        warmup_iters=0,
        batch_size=1,
    )
    return dataclasses.replace(request, **changes)


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
    assert recorded["options"]["iters"] == 5
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
    assert (row.avg_ms, row.load_ms, row.first_ms, row.peak_rss_mib) == (3, 2, 3, 4)
    assert row.model_bytes == program.stat().st_size
    program.unlink()
    report = benchmark(double.config, runners=[], options=SHORT, program=program)
    assert [row.name for row in report.unavailable] == ["program"]


def test_a_model_without_a_manifest_needs_fixed_axes(tiny: Artifact, pair: Artifact) -> None:
    tiny.manifest.unlink()
    pair.manifest.unlink()
    one = dataclasses.replace(SHORT, batch_size=1)
    report = benchmark(tiny.onnx, runners=["onnxruntime"], options=one)
    assert "nothing gives a length" in report.failures[0].message
    assert _runners(benchmark(pair.onnx, runners=["onnxruntime"], options=one)) == ["onnxruntime"]


@pytest.mark.parametrize(
    "change",
    [{"iters": 0}, {"batch_size": 0}, {"warmup_iters": -1}, {"threads": 0}, {"device": "gpu"}],
)
def test_options_without_a_meaning_are_refused(tiny: Artifact, change: dict[str, object]) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        benchmark(tiny.onnx, options=dataclasses.replace(SHORT, **change))
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_warm_up_and_first_run_are_not_timed(tiny: Artifact) -> None:
    answer = measure(_request(tiny, iters=4, warmup_iters=3))
    assert len(answer["latency_ms"]) == 4
    assert len(measure(_request(tiny, iters=1))["latency_ms"]) == 1


def test_inputs_have_the_batch_asked_for() -> None:
    specs = (TensorSpec("a", "f32", ("n", 3, "h")), TensorSpec("b", "i64", (2,)))
    arrays = make_inputs(specs, {"a": [1, 3, 5], "b": [2]}, 2)
    assert {name: (array.shape, array.dtype.name) for name, array in arrays.items()} == {
        "a": ((2, 3, 5), "float32"),
        "b": ((2,), "int64"),
    }


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("import os, sys; sys.stderr.write('last words'); os.abort()", Kind.PANICKED, "signal 6"),
        ("import sys; sys.exit('last words')", Kind.PANICKED, "with 1:\nlast words"),
        ("print('no answer')", Kind.INTERNAL, "gave no answer"),
        ("import time; time.sleep(60)", Kind.ENGINE_FAILED, "did not end within 1 s"),
    ],
)
def test_a_worker_that_dies_or_hangs_is_a_typed_error(
    tiny_shared: Artifact, monkeypatch: pytest.MonkeyPatch, code: str, kind: Kind, says: str
) -> None:
    monkeypatch.setattr(process, "_COMMAND", (sys.executable, "-S", "-c", code))
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        process.measure_apart(_request(tiny_shared), 1)
    assert caught.value.kind is kind


def test_the_workers_own_error_keeps_its_kind(tiny: Artifact) -> None:
    tiny.onnx.write_bytes(b"noise")
    with pytest.raises(OxidizedVisionError) as caught:
        process.measure_apart(_request(tiny), 60)
    assert caught.value.kind is Kind.CORRUPT


def test_what_an_engine_prints_does_not_spoil_the_answer(double: Artifact) -> None:
    source = double.folder / "model.py"
    source.write_text(
        source.read_text().replace("return picture * 2", "print('noise')\n        return picture")
    )
    report = benchmark(double.config, runners=["pytorch"], options=SHORT)
    assert _runners(report) == ["pytorch"]


_INTERRUPTED = """
    import sys
    from oxidizedvision.benchmark import process
    from oxidizedvision.benchmark.worker import Request
    child = "import os, sys, time; print(os.getpid(), file=open({pid!r}, 'w')); time.sleep(60)"
    process._COMMAND = (sys.executable, "-S", "-c", child)
    process.measure_apart(Request("tract", "m", {{}}, "cpu", 1, True, 1, 0, 1), 60)
"""


def test_an_interrupt_leaves_no_worker_behind(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = textwrap.dedent(_INTERRUPTED).format(pid=str(pid_file))
    parent = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (pid_file.is_file() and pid_file.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(pid_file.read_text())
    parent.send_signal(signal.SIGINT)
    parent.wait(20)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
