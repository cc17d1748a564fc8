"""Ctrl-C, which every process of the group gets, leaves no temporary folder behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_quantizer import two_layers

from oxidizedvision.core.errors import ExitCode
from oxidizedvision.runners.table import availability

PATIENCE_S = 60.0
ASKED = ("--quantize", "int8", "--random-calibration", "--engine", "ort")


@pytest.mark.skipif(not availability("ort").ready, reason="ort is not here")
def test_ctrl_c_while_it_quantises_leaves_nothing(tmp_path: Path) -> None:
    model, temporary = tmp_path / "m.onnx", tmp_path / "tmp"
    model.write_bytes(two_layers())
    temporary.mkdir()
    process = subprocess.Popen(
        (sys.executable, "-m", "oxidizedvision", "optimize", str(model), *ASKED),
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + PATIENCE_S
    while not list(temporary.glob("oxidizedvision-quantize-*/*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE_S) == ExitCode.INTERRUPTED
    assert list(temporary.iterdir()) == []
