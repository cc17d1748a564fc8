"""One runner measured in a fresh process."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from typing import Any

from oxidizedvision.benchmark.worker import Request
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.processes import (
    PYTHON_MODULE,
    environment,
    error_from_dict,
    how_it_ended,
)

_COMMAND = PYTHON_MODULE
_WORKER = "oxidizedvision.benchmark.worker"
_LINES_SHOWN = 8


def measure_apart(request: Request, timeout_s: float, *, worker: str = _WORKER) -> dict[str, Any]:
    """Run a worker, the module of that name, on a request; gives its answer.

    The child does not outlive this call, whatever ends it: an error, a timeout or Ctrl-C.

    Raises:
        OxidizedVisionError: the worker's own error; `engine_failed` when it takes too long;
            `panicked` when it dies, with the last of what it said.
    """
    try:
        done = subprocess.run(
            (*_COMMAND, worker),
            env=environment(),
            input=json.dumps(dataclasses.asdict(request)),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OxidizedVisionError(
            Kind.ENGINE_FAILED,
            f"{request.runner} did not end within {timeout_s:g} s",
            "Use fewer iterations.",
        ) from error
    if done.returncode != 0:
        raise _died(request.runner, done.returncode, done.stderr)
    return _answer(request.runner, done.stdout)


def _answer(runner: str, text: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise OxidizedVisionError(
            Kind.INTERNAL,
            f"The process that measures {runner} gave no answer",
            "Please report it with what --verbose shows.",
        ) from error
    if "error" in answer:
        raise error_from_dict(answer["error"])
    return answer


def _died(runner: str, code: int, stderr: str) -> OxidizedVisionError:
    last = "\n".join(stderr.strip().splitlines()[-_LINES_SHOWN:])
    return OxidizedVisionError(
        Kind.PANICKED,
        f"The process that measures {runner} ended {how_it_ended(code)}:\n{last}".rstrip(":\n"),
        "Try a smaller input or --batch-size, or leave this runner out and report it.",
    )
