"""Python processes that this one starts: how they begin, how they answer, how they ended."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError

PYTHON_MODULE = (sys.executable, "-P", "-m")
"""The command that runs a module, whose name follows, in another process."""


def environment() -> dict[str, str]:
    """The variables of this process, with what makes another one import what this one imports."""
    folders = (folder or str(Path.cwd()) for folder in sys.path)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}


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
