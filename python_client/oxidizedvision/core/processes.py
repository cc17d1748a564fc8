"""Python processes that this one starts: how they begin, how they answer, how they ended."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError

_PATIENCE_S = 5.0
_COLOURS = re.compile(r"\x1b\[[\d;]*m")
_KEPT = 8192

PYTHON_MODULE = (sys.executable, "-P", "-m")
"""The command that runs a module, whose name follows, in another process."""


def environment() -> dict[str, str]:
    """The variables of this process, with what makes another one import what this one imports."""
    folders = (folder or str(Path.cwd()) for folder in sys.path)
    path = {"PYTHONPATH": os.pathsep.join(folders)}
    # A stack of addresses would stand between us and the last thing that an engine said.
    return {**os.environ, **path, "RUST_BACKTRACE": "0"}


def how_it_ended(code: int) -> str:
    """The end of a process in words: `by signal 6 (Aborted)`, or `with 3`."""
    return f"by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"with {code}"


def take_stdout() -> int:
    """A handle for answers on standard output; whatever else writes there goes to standard error.

    The caller owns the handle.
    """
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def error_to_dict(error: OxidizedVisionError) -> dict[str, str]:
    """An error in its JSON form."""
    return {"kind": error.kind.value, "message": error.message, "hint": error.hint}


def error_from_dict(data: Mapping[str, Any]) -> OxidizedVisionError:
    """An error from its JSON form; a kind that is unknown is a ValueError."""
    return OxidizedVisionError(Kind(data["kind"]), data["message"], data["hint"])


class LastWords:
    """Reads a stream to its end and keeps the last of it, so that who writes never waits."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._kept = b""
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while chunk := os.read(stream.fileno(), _KEPT):
                self._kept = (self._kept + chunk)[-_KEPT:]

    def text(self) -> str:
        """The last that was written; waits for the end of a process that is ending."""
        self._thread.join(_PATIENCE_S)
        return _COLOURS.sub("", self._kept.decode("utf-8", "replace")).strip()
