"""No model takes the command line down, and Ctrl-C ends one that never ends by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hostile_models
import numpy as np
import onnx
import psutil
import pytest
from ended import Ended
from onnx import helper, numpy_helper
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode
from oxidizedvision.core.manifest import FileRecord, load_manifest
from oxidizedvision.runners import availability

Command = Callable[..., Ended]
RUST = [name for name in ("tract", "rten") if availability(name).ready]
LOOPING = [name for name in ("onnxruntime", "ort", "rten") if availability(name).ready]
PATIENCE_S = 60.0


@pytest.fixture
def ones(tmp_path: Path) -> Path:
    path = tmp_path / "ones.npy"
    np.save(path, np.ones((1, 3), np.float32))
    return path


@pytest.mark.parametrize("engine", RUST)
def test_predict_tells_which_engine_died_of_what(
    command: Command, tmp_path: Path, ones: Path, engine: str
) -> None:
    model = hostile_models.save(tmp_path / "m.onnx", hostile_models.resize)
    ended = command("predict", model, ones, "--runner", engine, "--json")
    assert ended.code == ExitCode.BAD_INPUT
    error = ended.document["error"]
    assert error["kind"] == "unsupported"
    start = f"{engine} ended its process by signal 6 (Aborted) while running m.onnx: "
    assert error["message"].startswith(start)
    assert error["message"] in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "predictions").exists()


@pytest.mark.parametrize("engine", RUST)
def test_of_many_inputs_each_is_tried(
    command: Command, tmp_path: Path, ones: Path, engine: str
) -> None:
    model = hostile_models.save(tmp_path / "m.onnx", hostile_models.resize)
    np.save(tmp_path / "twos.npy", 2 * np.load(ones))
    ended = command("predict", model, ones, tmp_path / "twos.npy", "--runner", engine, "--json")
    assert ended.code == ExitCode.BAD_INPUT
    failures = ended.document["failures"]
    assert ["ended its process" in row["message"] for row in failures] == [True, True]


def poison(tiny: Artifact) -> None:
    """Let the converted model make a tensor of 256 TiB, and give what it gave before."""
    model = onnx.load(tiny.onnx)
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["clean" if name == output.name else name for name in node.output]
    side = hostile_models.SIDE
    sizes = numpy_helper.from_array(np.array([1, 1, side, side], np.int64), "sizes")
    model.graph.initializer.append(sizes)
    first = model.graph.input[0].name
    model.graph.node.extend(
        [
            helper.make_node("ReduceMax", [first], ["small"], keepdims=1),
            helper.make_node("Resize", ["small", "", "", "sizes"], ["huge"], mode="nearest"),
            helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=1),
            helper.make_node("Sub", ["most", "small"], ["nothing"]),
            helper.make_node("Add", ["clean", "nothing"], [output.name]),
        ]
    )
    onnx.save(model, tiny.onnx)
    manifest = load_manifest(tiny.manifest)
    stages = [
        stage.model_copy(update={"output": FileRecord.of(tiny.onnx)})
        if stage.output.file == tiny.onnx.name
        else stage
        for stage in manifest.stages
    ]
    manifest.model_copy(update={"stages": stages}).save(tiny.manifest)


def test_validate_reports_the_others(command: Command, tiny: Artifact) -> None:
    poison(tiny)
    runners = ["torchscript", "onnxruntime", *RUST]
    flags = [part for name in runners for part in ("--runner", name)]
    ended = command("validate", tiny.manifest, *flags, "--json")
    assert ended.code == ExitCode.CHECK_FAILED
    assert "Traceback" not in ended.err
    rows = {row["runner"]: row for row in ended.document["results"]}
    assert list(rows) == runners
    assert rows["torchscript"]["passed"]
    assert not rows["onnxruntime"]["passed"]
    for name in RUST:
        assert not rows[name]["passed"]
        assert f"{name} ended its process by signal 6 (Aborted)" in rows[name]["reason"]


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command in a group of its own, which tells each step on its standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "oxidizedvision", "--verbose", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def endless_prediction(
    tmp_path: Path, ones: Path, engine: str
) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """A prediction, and the process of its engine, which is in the loop."""
    model = hostile_models.save(tmp_path / "m.onnx", hostile_models.endless)
    with started("predict", model, ones, "--runner", engine) as process:
        assert process.stderr is not None
        assert any("ones.npy" in line for line in process.stderr)  # the run is next
        worker = only_child(process)
        wait_until_busy(worker, 0.3)
        yield process, worker


def only_child(process: subprocess.Popen[str]) -> psutil.Process:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := psutil.Process(process.pid).children(recursive=True)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (child,) = found
    return child


def wait_until_busy(worker: psutil.Process, seconds: float) -> None:
    """Until it has computed that much longer."""
    start = worker.cpu_times().user
    deadline = time.monotonic() + PATIENCE_S
    while worker.cpu_times().user < start + seconds:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_gone(worker: psutil.Process) -> bool:
    """Whether it ends in time; one that nobody waits for stays as a zombie."""
    deadline = time.monotonic() + PATIENCE_S
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("engine", LOOPING)
def test_ctrl_c_is_heard_while_the_engine_runs(tmp_path: Path, ones: Path, engine: str) -> None:
    with endless_prediction(tmp_path, ones, engine) as (process, worker):
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == ExitCode.INTERRUPTED
        assert said == "interrupted: nothing half-written was left\n"
        assert is_gone(worker)


@pytest.mark.parametrize("engine", LOOPING)
def test_a_command_that_is_killed_takes_its_engine_along(
    tmp_path: Path, ones: Path, engine: str
) -> None:
    with endless_prediction(tmp_path, ones, engine) as (process, worker):
        process.kill()
        assert is_gone(worker)


def test_ctrl_c_is_heard_while_constants_are_folded(tmp_path: Path) -> None:
    """onnxslim computes what does not depend on the input, here a loop that does not end."""
    model = hostile_models.save(tmp_path / "m.onnx", hostile_models.endless_constant)
    with started("optimize", model) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "simplifying the graph\n"
        worker = only_child(process)
        wait_until_busy(worker, 4)  # more than its imports take
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == ExitCode.INTERRUPTED
        assert is_gone(worker)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
