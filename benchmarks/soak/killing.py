"""A forked child that is killed at a chosen moment: after a time, or at a file-system step.

A step is a call that changes names, or one that opens a file for writing. The child dies just
before it, or, of a file that is opened, once it is emptied and before anything is written. Times
hit what takes long, steps hit the instants between two renames.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

CHANGES = frozenset(
    f"os.{name}"
    for name in ("rename", "remove", "rmdir", "mkdir", "link", "symlink", "truncate", "chmod")
)
LIMIT_SECONDS = 600.0
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class Moment:
    """When to kill: at the step with this number, from 1, or after so many seconds."""

    step: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Ended:
    """How a child ended: by the kill, or by itself with a code, after so many steps."""

    killed: bool
    code: int
    steps: int
    seconds: float


def run(work: Callable[[], object], moment: Moment | None = None, log: Path | None = None) -> Ended:
    """Do some work in a forked child; what it prints goes to `log`. One that hangs is killed."""
    reader, writer = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(work, moment or Moment(), writer, log)
    os.close(writer)
    seconds = moment.seconds if moment is not None else None
    ended, _, _ = select.select([reader], [], [], LIMIT_SECONDS if seconds is None else seconds)
    if not ended:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader, "rb") as pipe:
        steps = int(pipe.read() or b"0")
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it had started
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    code = -1 if killed else os.waitstatus_to_exitcode(status)
    return Ended(killed, code, steps, time.monotonic() - start)


def _child(work: Callable[[], object], moment: Moment, writer: int, log: Path | None) -> NoReturn:
    os.setsid()
    code = 1
    try:
        _redirect(log)
        steps = _count_steps(moment.step)
        work()
        os.write(writer, str(steps()).encode())
        code = 0
    except BaseException:  # noqa: BLE001 - a child must end here, and not where it was forked
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log: Path | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    handle = os.open(log if log is not None else os.devnull, flags, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)


def _count_steps(fatal: int | None) -> Callable[[], int]:
    """Count from now on, and die at the step that is fatal."""
    counter = _Counter(fatal)
    sys.addaudithook(counter.hear)
    return lambda: counter.count


class _Counter:
    """An audit hook, which cannot be taken off again."""

    def __init__(self, fatal: int | None) -> None:
        self.count = 0
        self._fatal = fatal
        self._deaf = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by Python just before something happens."""
        if self._deaf:
            return
        if event in CHANGES:
            self._step()
        elif event == "open" and _writes(arguments):
            self._step()
            self._step(lambda: self._open(*arguments))

    def _step(self, first: Callable[[], None] | None = None) -> None:
        self.count += 1
        if self.count == self._fatal:
            if first is not None:
                first()
            os.kill(os.getpid(), signal.SIGKILL)

    def _open(self, path: Any, _: Any, flags: int) -> None:
        """Do what opening does to the file: make it, or empty it."""
        self._deaf = True
        with suppress(OSError, TypeError):
            os.close(os.open(path, flags, 0o600))


def _writes(arguments: tuple[Any, ...]) -> bool:
    """Whether an `open` event is of a path that is opened for writing; arguments end with flags."""
    path, flags = arguments[0], arguments[2]
    return not isinstance(path, int) and isinstance(flags, int) and bool(flags & WRITES)
