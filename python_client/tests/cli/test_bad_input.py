"""Bad input, as a user meets it: one clear message, the next step, the code, nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Ended
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode

Command = Callable[..., Ended]

GOOD = "model: {path: net.py, class_name: Net, input_shape: [1, 3, 8, 8]}\n"
VERBS = ("convert", "validate", "benchmark", "profile", "run", "config check")

CONFIGS = [
    (None, "There is no file c.yml", "not_found"),
    ("", "c.yml: the file is empty", "config"),
    ("- a list\n", "got a list", "config"),
    ("model: [\n", "not YAML", "config"),
    (GOOD + "export: {opset: 13}\n", "line 2: export.opset: unknown key; did you mean", "config"),
    (GOOD.replace("[1, 3, 8, 8]", "big"), "line 1: model.input_shape: expected a list", "config"),
]


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("c.yml", "home"))


@pytest.mark.parametrize(("text", "message", "kind"), CONFIGS, ids=[m for _, m, _ in CONFIGS])
@pytest.mark.parametrize("verb", VERBS)
def test_bad_config(
    invoke: Command, tmp_path: Path, verb: str, text: str | None, message: str, kind: str
) -> None:
    if text is not None:
        (tmp_path / "c.yml").write_text(text)
    ended = invoke(*verb.split(), "c.yml")
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.out == ""
    lines = ended.err.splitlines()
    assert message in lines[0]
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")
    assert lines[2] == f"see: docs/troubleshooting.md#{kind}"
    assert len(lines) == 3
    assert invoke(*verb.split(), "c.yml", "--json").document["error"]["kind"] == kind
    assert left_over(tmp_path) == []


def test_bad_config_in_a_process_of_its_own(command: Command, tmp_path: Path) -> None:
    ended = command("config", "check", "c.yml")
    assert (ended.code, ended.out) == (ExitCode.BAD_INPUT, "")
    assert len(ended.err.splitlines()) == 3
    (tmp_path / "c.yml").write_text(GOOD + "optimise: {}\n")
    ended = command("config", "check", "c.yml", "--json")
    assert ended.code == ExitCode.BAD_INPUT
    assert "did you mean 'optimize'" in ended.document["error"]["message"]


def test_config_that_may_not_be_read(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_text(GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    ended = command("config", "check", "c.yml")
    assert ended.code == ExitCode.FILE_SYSTEM
    assert "Permission denied" in ended.err


@pytest.mark.parametrize("arguments", [["config", "init", "net.py", "--output", "file/c.yml"]])
def test_folder_that_cannot_be_written(
    command: Command, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "net.py").write_text("from torch import nn\nclass Net(nn.Module): pass\n")
    (tmp_path / "file").write_text("in the way")
    ended = command(*arguments)
    assert ended.code == ExitCode.FILE_SYSTEM
    assert "error: file" in ended.err
    assert "Traceback" not in ended.err
    assert (tmp_path / "file").read_text() == "in the way"


def test_convert_into_a_folder_that_cannot_be_made(
    command: Command, tiny_project: Artifact, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = command("convert", tiny_project.config, "--output-dir", "file/out", "--json")
    assert ended.code == ExitCode.FILE_SYSTEM
    assert ended.document["error"]["kind"] == "file_system"
    assert "Traceback" not in ended.err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, where nothing is made")
def test_convert_into_a_file_system_that_takes_no_folders(
    command: Command, tiny_project: Artifact
) -> None:
    ended = command("convert", tiny_project.config, "--output-dir", "/proc/none")
    assert ended.code == ExitCode.FILE_SYSTEM
    assert "/proc/none: a folder cannot be made there" in ended.err


def test_memory_that_is_not_there(invoke: Command, stand_in: Callable[..., object]) -> None:
    stand_in("profile.profile", MemoryError("Unable to allocate 1 PiB"))
    ended = invoke("profile", "net.onnx")
    assert ended.code == ExitCode.BAD_INPUT
    assert "There is not enough memory: Unable to allocate 1 PiB" in ended.err


def test_control_c_in_the_middle_leaves_nothing(tiny_project: Artifact, tmp_path: Path) -> None:
    started = tmp_path / "started"
    slow = f"\nfrom pathlib import Path\nimport time\nPath({str(started)!r}).touch()\n"
    model = tiny_project.folder / "model.py"
    model.write_text(model.read_text() + slow + "time.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "oxidizedvision", "convert", str(tiny_project.config), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert json.loads(out)["error"]["kind"] == "interrupted"
    assert len(err.splitlines()) == 1
    folder = tiny_project.folder / "out"
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("verb", ["optimize", "package", "info", "profile", "validate"])
def test_model_that_is_not_there(command: Command, verb: str) -> None:
    ended = command(verb, "out/no.onnx", "--json")
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.document["error"]["kind"] == "not_found"
    assert "out/no.onnx" in ended.document["error"]["message"]
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("verb", ["optimize", "info", "profile"])
def test_model_that_is_no_model(command: Command, tmp_path: Path, verb: str) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model at all")
    ended = command(verb, "broken.onnx", "--json")
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.document["error"]["kind"] == "corrupt"
    assert "Traceback" not in ended.err


def test_runner_that_nobody_knows(command: Command, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(GOOD + "runners: [{name: tracct}]\n")
    ended = command("validate", "c.yml")
    assert ended.code == ExitCode.BAD_INPUT
    assert "runners[0].name: unknown runner; did you mean 'tract'?" in ended.err


def test_a_metric_that_there_is_not(invoke: Command) -> None:
    ended = invoke("optimize", "m.onnx", "--quantize", "int8", "--metric", "iuo")
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.err.startswith("error: --metric: expected cosine, sqnr, psnr, top1, iou")
    assert "did you mean 'iou'?" in ended.err.splitlines()[0]
