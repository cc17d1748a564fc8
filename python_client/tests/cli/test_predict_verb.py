"""`predict` on the command line: its flags, what it prints, and how it ends."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ended import Calls, Ended
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode, Kind
from oxidizedvision.preprocess import write_picture

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("a.png", "b.png"):
        write_picture(folder / name, np.full((8, 12, 3), 100, np.uint8))
    return folder


def test_every_flag_is_handed_on(invoke: Invoke, stand_in: StandIn) -> None:
    from oxidizedvision.predict import EngineSettings, PredictReport

    report = PredictReport("m", "tract", "0.23", "cpu", 3, 1.0, ())
    calls = stand_in("predict.predict", report)
    flags = "--runner tract --output o --device cpu --threads 3 --precision fp16 --option a=b=c"
    assert invoke("predict", "m.onnx", "a.png", "b", *flags.split()).code == ExitCode.DONE
    assert calls.arguments.pop("notify")
    assert calls.arguments == {
        "model": Path("m.onnx"),
        "inputs": [Path("a.png"), Path("b")],
        "runner": "tract",
        "output": Path("o"),
        "settings": EngineSettings("cpu", 3, "fp16", {"a": "b=c"}),
        "goal": None,
    }


def test_what_auto_chose_is_told(invoke: Invoke, stand_in: StandIn) -> None:
    from oxidizedvision.predict import PredictReport

    line = "auto chose tract with 1 thread for memory: no other candidate is left"
    calls = stand_in(
        "predict.predict", PredictReport("m", "tract", "0", "cpu", 1, 1.0, (), chosen=line)
    )
    ended = invoke("predict", "m.onnx", "a.png", "--runner", "auto", "--goal", "memory")
    assert (calls.arguments["runner"], calls.arguments["goal"]) == ("auto", "memory")
    assert line in ended.out


@pytest.mark.parametrize("options", [["a"], ["=b"], ["a=1", "a=2"]])
def test_an_option_that_is_none_is_a_usage_error(invoke: Invoke, options: list[str]) -> None:
    flags = [part for option in options for part in ("--option", option)]
    ended = invoke("predict", "m.onnx", "a.png", "--runner", "tract", *flags, "--json")
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.document["error"]["kind"] == Kind.USAGE


@pytest.mark.parametrize("flags", ["--option warp=9", "--precision int8", "--device cuda:9"])
def test_what_the_engine_has_not_is_refused(
    invoke: Invoke, tiny_shared: Artifact, photos: Path, flags: str
) -> None:
    model, picture = str(tiny_shared.onnx), str(photos / "a.png")
    ended = invoke("predict", model, picture, "--runner", "onnxruntime", *flags.split(), "--json")
    assert ended.code in (ExitCode.BAD_INPUT, ExitCode.MISSING_PART)
    assert ended.document["error"]["kind"] in (Kind.INVALID_OPTION, Kind.DEVICE_UNAVAILABLE)


def test_no_runner_is_a_usage_error_that_lists_the_ready_ones(invoke: Invoke) -> None:
    ended = invoke("predict", "m.onnx", "a.png", "--json")
    assert ended.code == ExitCode.BAD_INPUT
    error = ended.document["error"]
    assert error["kind"] == Kind.USAGE
    assert "onnxruntime" in error["hint"]
    assert "tensorrt" not in error["hint"]


def test_a_folder_with_a_bad_picture(invoke: Invoke, tiny_shared: Artifact, photos: Path) -> None:
    (photos / "b.png").write_bytes(b"bad")
    (photos / "c.txt").touch()
    arguments = ("predict", tiny_shared.onnx, photos, "--runner", "onnxruntime")
    ended = invoke(*arguments)
    assert ended.code == ExitCode.BAD_INPUT
    assert "predictions/a.png" in ended.out
    assert "1 of 2 inputs failed" in ended.out
    assert "c.txt skipped" in ended.out
    assert ended.err.startswith("error: ")
    assert "b.png" in ended.err
    assert "Traceback" not in ended.err
    document = invoke(*arguments, "--json").document
    assert [row["kind"] for row in document["failures"]] == ["input"]
    assert document["results"][0]["written"] == "picture"


def test_no_progress_in_a_pipe(invoke: Invoke, tiny_shared: Artifact, photos: Path) -> None:
    ended = invoke("predict", tiny_shared.onnx, photos, "--runner", "onnxruntime")
    assert (ended.code, ended.err) == (ExitCode.DONE, "")


def test_a_bar_on_a_terminal(tiny_shared: Artifact, photos: Path) -> None:
    parent, child = pty.openpty()
    command = ["predict", str(tiny_shared.onnx), str(photos), "--runner", "onnxruntime"]
    with subprocess.Popen(
        [sys.executable, "-m", "oxidizedvision", *command],
        stdout=subprocess.DEVNULL,
        stderr=child,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        os.close(child)
        shown = b""
        while chunk := _read(parent):
            shown += chunk
    os.close(parent)
    assert process.returncode == ExitCode.DONE
    assert "loading" in shown.decode(errors="replace")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""


def test_the_bar_grows_with_the_work() -> None:
    from oxidizedvision.cli.predict import _with_bar
    from oxidizedvision.predict import Step

    told: list[str] = []
    notify = _with_bar(told.append)
    notify("loading")
    for done in range(3):
        notify(Step("a.png", done, 3))
    assert told[0] == "loading"
    assert [line.count("━") for line in told[1:]] == [0, 8, 16]
    assert told[3].endswith(" 3 of 3: a.png")
