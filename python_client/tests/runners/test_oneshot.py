"""A process that answers one question: what goes wrong there is told here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners import oneshot
from oxidizedvision.runners.oneshot import Request, ask_apart

WORKER = "oxidizedvision.trial.worker"
REQUEST = Request("tract", "m.onnx", {}, "cpu", 1, optimize=True)


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
    monkeypatch: pytest.MonkeyPatch, code: str, kind: Kind, says: str
) -> None:
    monkeypatch.setattr(oneshot, "_COMMAND", (sys.executable, "-S", "-c", code))
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        ask_apart(REQUEST, 1, worker=WORKER)
    assert caught.value.kind is kind


_INTERRUPTED = """
    import sys
    from oxidizedvision.runners import oneshot
    from oxidizedvision.runners.oneshot import Request, ask_apart
    child = "import os, sys, time; print(os.getpid(), file=open({pid!r}, 'w')); time.sleep(60)"
    oneshot._COMMAND = (sys.executable, "-S", "-c", child)
    ask_apart(Request("tract", "m", {{}}, "cpu", 1, True), 60, worker="w")
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
    # Whoever takes its place may need a moment to clear away the process that was killed.
    while is_there(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
