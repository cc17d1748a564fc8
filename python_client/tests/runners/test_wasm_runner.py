"""A browser's module in Node answers as any runner does, and ends nothing but its own process."""

from __future__ import annotations

import dataclasses
import os
import stat
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from fake_wasm import write_module
from tiny_network import Artifact

from oxidizedvision import benchmark, load, try_backends, validate
from oxidizedvision.benchmark import BenchmarkOptions
from oxidizedvision.core import wasm as parts
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.runners import RunnerConfig, availability, backends, load_runner, node
from oxidizedvision.runners.target import resolve

PICTURE = np.random.default_rng(0).standard_normal((1, 3, 8, 12)).astype(np.float32)
SHORT = BenchmarkOptions(iters=4, warmup_iters=1, processes=2, most_processes=2)
NAMES = ("wasm-tract", "wasm-rten")


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that double what they are given."""
    folder = tmp_path / "wasm"
    for name in ("rten", "tract"):
        write_module(folder, name)
    monkeypatch.setenv(parts.VARIABLE, str(folder))
    return folder


def node_processes() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if any("node_worker" in part for part in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def refused(name: str, model: Path, **change: object) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        load_runner(name, RunnerConfig(model, **change))  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_it_is_itself_and_runs_on_one_thread(name: str, built: Path, double: Artifact) -> None:
    for model in (double.onnx, double.onnx.read_bytes()):
        with load(model, runner=name, threads=4) as runner:
            np.testing.assert_array_equal(runner.run(PICTURE), PICTURE * 2)
            info = runner.info
            assert (info.backend, info.backend_version, info.threads) == (name, "0.0", 1)
            assert info.inputs[0].dims == ("batch", 3, "height", "width")
            assert runner.profile_named({"input": PICTURE}, 1) is None
    assert node_processes() == []


def test_what_a_browser_cannot_have_is_refused(built: Path, double: Artifact) -> None:
    for change, kind in (
        ({"device": "cuda"}, Kind.DEVICE_UNAVAILABLE),
        ({"precision": "int8"}, Kind.INVALID_OPTION),
        ({"options": {"colour": "red"}}, Kind.INVALID_OPTION),
    ):
        assert refused("wasm-rten", double.onnx, **change).kind is kind
    assert "does not read tiny.pt" in refused("wasm-rten", double.torchscript).message


def test_the_modules_own_error_is_told(built: Path, double: Artifact) -> None:
    write_module(built, fault="refuses")
    error = refused("wasm-rten", double.onnx)
    assert (error.kind, error.message, error.hint) == (
        Kind.UNSUPPORTED,
        "tiny.onnx: no Conv",
        "Wait.",
    )
    assert node_processes() == []


def test_a_trap_is_an_error_and_the_next_run_works(built: Path, double: Artifact) -> None:
    write_module(built, fault="traps")
    with load(double.onnx, runner="wasm-rten") as runner:
        with pytest.raises(OxidizedVisionError, match="unreachable") as caught:
            runner.run(-np.abs(PICTURE))
        assert caught.value.kind is Kind.PANICKED
        np.testing.assert_array_equal(runner.run(np.abs(PICTURE)), np.abs(PICTURE) * 2)


@pytest.mark.parametrize("fault", ["dies", "dies at load"])
def test_a_process_that_is_killed_is_an_error(built: Path, double: Artifact, fault: str) -> None:
    write_module(built, fault=fault)
    doing = "loading" if fault == "dies at load" else "running"
    with pytest.raises(OxidizedVisionError, match=rf"by signal 9 \(Killed\) while {doing}") as gone:
        load(double.onnx, runner="wasm-rten").run(PICTURE)
    assert gone.value.kind is Kind.UNSUPPORTED
    assert "Memory may have run out" in gone.value.hint
    assert node_processes() == []


def test_the_end_of_the_parent_ends_a_run_that_never_ends(built: Path, double: Artifact) -> None:
    write_module(built, fault="never ends")
    script = (
        "import sys, numpy as np\n"
        "from oxidizedvision import load\n"
        f"runner = load({str(double.onnx)!r}, runner='wasm-rten')\n"
        "print('loaded', flush=True)\n"
        "runner.run(np.zeros((1, 3, 8, 12), np.float32))\n"
    )
    child = psutil.Popen([sys.executable, "-c", script], stdout=-1, env=_environment())
    assert child.stdout.readline() == b"loaded\n"
    time.sleep(0.3)
    (engine,) = child.children()
    child.kill()
    child.wait()
    _, alive = psutil.wait_procs([engine], timeout=10)
    assert alive == []


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_what_a_module_prints_is_no_answer(built: Path, double: Artifact) -> None:
    write_module(built, fault="talks")
    with load(double.onnx, runner="wasm-rten") as runner:
        np.testing.assert_array_equal(runner.run(PICTURE), PICTURE * 2)
        with pytest.warns(UserWarning, match="wasm-rten: hello"):
            runner.close()


def test_a_module_of_another_engine_is_refused(built: Path, double: Artifact) -> None:
    write_module(built, "tract", backend="rten")
    error = refused("wasm-tract", double.onnx)
    assert error.kind is Kind.INTERNAL
    assert "holds the engine" in error.message
    assert node_processes() == []


def test_a_module_that_was_changed_is_refused(built: Path, double: Artifact) -> None:
    binary = built / "modules" / "rten" / parts.BINARY
    binary.write_bytes(binary.read_bytes() + b"\0")
    error = refused("wasm-rten", double.onnx)
    assert error.kind is Kind.CHECK_FAILED
    assert str(binary) in error.message
    assert "make wasm" in error.hint


def test_backends_tells_what_is_missing(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {row.name: row for row in backends()}
    for name in NAMES:
        row = rows[name]
        assert (row.status, row.version, row.devices) == ("ready", "0.0", ("cpu",))
        assert row.formats == ("onnx",)
    (built / "modules" / "rten" / parts.BUILD).write_text("no JSON")
    assert availability("wasm-rten").status == "missing"
    assert "does not say how" in availability("wasm-rten").hint
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path / "nowhere"))
    assert availability("wasm-rten").status == "not_built"
    assert "make wasm" in availability("wasm-rten").hint


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (None, "Install Node"),
        ("echo v18.19.0", "Node 18.19.0, which is too old"),
        ("echo no version", "does not tell its version"),
        ("exit 3", "does not tell its version"),
    ],
)
def test_without_a_node_that_can_run_it(
    built: Path,
    double: Artifact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    says: str | None,
    told: str,
) -> None:
    (tmp_path / "bin").mkdir()
    if says is not None:
        program = tmp_path / "bin" / "node"
        program.write_text(f"#!/bin/sh\n{says}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    state = availability("wasm-rten")
    assert state.status == "missing"
    assert told in state.hint
    assert "https://nodejs.org" in state.hint
    error = refused("wasm-rten", double.onnx)
    assert (error.kind, error.exit_code) == (Kind.BACKEND_UNAVAILABLE, ExitCode.MISSING_PART)
    assert node.find_node() is None or node.find_node().fault  # type: ignore[union-attr]


def test_they_take_part_where_they_are_named(built: Path, double: Artifact) -> None:
    assert not set(NAMES) & set(resolve(double.onnx).names(None))
    assert resolve(double.onnx).names(NAMES) == list(NAMES)
    text = double.config.read_text() + "runners: [{name: wasm-rten}]\n"
    double.config.write_text(text)
    assert "wasm-rten" in resolve(double.config).names(None)


def test_validate_compares_them_with_pytorch(built: Path, double: Artifact) -> None:
    write_module(built, "tract", factor=2.5)
    report = validate(double.onnx, runners=NAMES)
    assert {row.runner: row.passed for row in report.results} == {
        "wasm-rten": True,
        "wasm-tract": False,
    }
    assert report.exit_code == ExitCode.CHECK_FAILED


def test_benchmark_times_the_process_that_runs_them(built: Path, double: Artifact) -> None:
    report = benchmark(double.config, runners=["onnxruntime", "wasm-rten"], options=SHORT)
    assert report.failures == ()
    row = next(row for row in report.results if row.runner == "wasm-rten")
    assert (row.engine_version, row.threads, row.processes) == ("0.0", 1, 2)
    assert row.p50_ms > 0
    assert row.load_ms > 0
    # Node alone holds some 40 MiB; Python with NumPy would hold more than the module's process.
    assert 20 < row.peak_rss_mib < 200
    assert row.versus is not None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("refuses", Kind.UNSUPPORTED),
        ("dies", Kind.PANICKED),
        ("does not start", Kind.BACKEND_UNAVAILABLE),
    ],
)
def test_a_benchmark_that_fails_is_told(
    built: Path, double: Artifact, fault: str, kind: Kind
) -> None:
    write_module(built, fault=fault)
    report = benchmark(double.config, runners=["wasm-rten"], options=SHORT)
    assert report.results == ()
    if kind is Kind.BACKEND_UNAVAILABLE:
        assert [row.name for row in report.unavailable] == ["wasm-rten"]
    else:
        assert [failure.kind for failure in report.failures] == [kind]


def test_shapes_and_batches_reach_the_session(built: Path, double: Artifact) -> None:
    options = dataclasses.replace(SHORT, batch_size=(1, 4), processes=1, most_processes=1)
    report = benchmark(double.config, runners=["wasm-rten"], options=options)
    assert [row.batch_size for row in report.results] == [1, 4]


def test_a_trial_shows_them(built: Path, double: Artifact) -> None:
    write_module(built, "tract", fault="refuses")
    rows = {row.name: row for row in try_backends(double.onnx).rows}
    assert rows["wasm-rten"].status == "works"
    assert (rows["wasm-tract"].status, rows["wasm-tract"].reason) == (
        "load_error",
        "tiny.onnx: no Conv",
    )


def test_serve_refuses_them(built: Path, double: Artifact) -> None:
    from oxidizedvision.serve import ServeOptions, plan_server

    with pytest.raises(OxidizedVisionError, match="does not serve") as caught:
        plan_server(double.onnx, options=ServeOptions(runner="wasm-rten"))
    assert caught.value.kind is Kind.USAGE
    assert "--kind wasm" in caught.value.hint
