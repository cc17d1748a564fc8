"""One question to one runner in a fresh process: a JSON request in, a JSON answer out."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.processes import (
    PYTHON_MODULE,
    environment,
    error_from_dict,
    error_to_dict,
    how_it_ended,
    take_stdout,
)

if TYPE_CHECKING:
    from oxidizedvision.config import Config

_COMMAND = PYTHON_MODULE
_LINES_SHOWN = 8


@dataclass(frozen=True)
class Request:
    """A model and the runner that is to load it.

    shapes: the examples' shapes by input. config: the config's content and path, for `pytorch`.
    """

    runner: str
    model: str
    shapes: dict[str, list[int]]
    device: str
    threads: int
    optimize: bool
    config: str | None = None
    config_path: str | None = None

    def live_config(self) -> Config | None:
        """The config whose network `pytorch` runs; None for the other runners."""
        if self.config is None:
            return None
        from oxidizedvision.config import Config

        config = Config.model_validate_json(self.config)
        if self.config_path is not None:
            config._path = Path(self.config_path)
        return config


class ProcessEndedError(OxidizedVisionError):
    """The process ended without an answer; `code` is negative where a signal ended it."""

    def __init__(self, kind: Kind, message: str, hint: str = "", *, code: int = 1) -> None:
        super().__init__(kind, message, hint)
        self.code = code


class ConfigFields(TypedDict, total=False):
    """What a `Request` holds of a config."""

    config: str
    config_path: str | None


def config_fields(config: Config | None) -> ConfigFields:
    """What a `Request` holds of a config."""
    if config is None:
        return {}
    return {
        "config": config.model_dump_json(exclude_unset=True),
        "config_path": str(config.path) if config.path else None,
    }


def ask_apart(request: Request, timeout_s: float | None, *, worker: str) -> dict[str, Any]:
    """Run a worker, the module of that name, on a request; gives its answer.

    The child does not outlive this call, whatever ends it: an error, a timeout or Ctrl-C. Without
    a timeout it may take as long as it likes.

    Raises:
        OxidizedVisionError: the worker's own error; `engine_failed` when it takes too long.
        ProcessEndedError: `panicked` when it dies, with the last of what it said.
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
            "Try a smaller input, or leave this runner out.",
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
            f"The process that runs {runner} gave no answer",
            "Please report it with what --verbose shows.",
        ) from error
    if "error" in answer:
        raise error_from_dict(answer["error"])
    return answer


def _died(runner: str, code: int, stderr: str) -> ProcessEndedError:
    last = "\n".join(stderr.strip().splitlines()[-_LINES_SHOWN:])
    return ProcessEndedError(
        Kind.PANICKED,
        f"The process that runs {runner} ended {how_it_ended(code)}:\n{last}".rstrip(":\n"),
        "Try a smaller input or --batch-size, or leave this runner out and report it.",
        code=code,
    )


def serve(answer_to_request: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer one request. Whatever else writes to standard output goes to standard error."""
    answer_to = take_stdout()
    try:
        answer = answer_to_request(json.load(sys.stdin))
    except OxidizedVisionError as error:
        answer = {"error": error_to_dict(error)}
    with os.fdopen(answer_to, "w", encoding="utf-8") as stream:
        json.dump(answer, stream)
