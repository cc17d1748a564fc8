"""An engine in a process of its own: what ends it ends nothing else, and Ctrl-C is heard."""

from __future__ import annotations

import operator
import os
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.processes import PYTHON_MODULE, error_from_dict, how_it_ended
from oxidizedvision.core.tensors import ModelInfo
from oxidizedvision.runners.base import (
    NodeTime,
    Runner,
    RunnerConfig,
    info_from_dict,
    node_times_from_dicts,
)
from oxidizedvision.runners.frames import BrokenMessageError, Message
from oxidizedvision.runners.request import check_types
from oxidizedvision.runners.worker import Worker

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_WORKER = "oxidizedvision.runners.apart_worker"
_SIGKILL = 9
"""How Linux ends a process when there is no memory left."""


class IsolatedRunner(Runner):
    """A model in an engine that has a process of its own.

    Answers and errors are the engine's. Where the engine ends its process, that load or run is an
    `unsupported` error, and the next run starts another process. Runs of several threads wait for
    each other. Close it, or its process stays until nothing holds the runner.

    command: what starts the process; None for the Python process of the engine.
    """

    def __init__(
        self, engine: str, config: RunnerConfig, command: Sequence[str] | None = None
    ) -> None:
        check_types(config)
        self._command = command or (*PYTHON_MODULE, _WORKER)
        self._engine = engine
        self._config = config
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._closed = False
        self._worker: Worker | None = None
        self._info = self._load()

    @property
    def info(self) -> ModelInfo:
        return self._info

    def _run(self, inputs: dict[str, Array]) -> dict[str, Array]:
        return dict(self._in_turn("running", Message(arrays=inputs)).arrays)

    def _profile(self, inputs: dict[str, Array], runs: int) -> tuple[NodeTime, ...] | None:
        answer = self._in_turn("profiling", Message({"profile": runs}, inputs))
        try:
            return node_times_from_dicts(answer.body["nodes"])
        except (KeyError, TypeError) as error:
            raise self._not_understood(error) from error

    def _in_turn(self, doing: str, message: Message) -> Message:
        if self._owner != os.getpid():
            raise self._unusable("belongs to the process that this one was forked from")
        with self._lock:
            if self._closed:
                raise self._unusable("is closed")
            if self._worker is None:
                self._load()
            return self._ask(doing, message)

    def close(self) -> None:
        """End the process; a run that another thread waits for ends with an error."""
        self._closed = True
        self._end()

    def _load(self) -> ModelInfo:
        try:
            answer = self._ask("loading", _load_request(self._engine, self._config))
            return info_from_dict(answer.body["info"])
        except BaseException as error:  # a process without a model is of no use
            self._end()
            if isinstance(error, KeyError | TypeError):
                raise self._not_understood(error) from error
            raise

    def _ask(self, doing: str, message: Message) -> Message:
        worker = self._worker = self._worker or Worker(self._command)
        try:
            answer = worker.ask(message)
            error = _error_in(answer)
        except EOFError as gone:
            self._worker = None
            raise self._ended(doing, *worker.ended()) from gone
        except BaseException as reason:  # Ctrl-C too: nobody waits for this answer any more
            self._worker = None
            worker.kill()
            if isinstance(reason, BrokenMessageError):
                raise self._not_understood(reason) from reason
            raise
        if error is not None:
            raise error
        return answer

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            said = worker.kill()
            if said:
                warnings.warn(f"{self._engine}: {said}", stacklevel=3)

    def _ended(self, doing: str, code: int, said: str) -> OxidizedVisionError:
        """The error for a process that ended; one that no signal ended is a fault of ours."""
        model = self._config.model_name
        last = _last_line(said)
        message = f"{self._engine} ended its process {how_it_ended(code)} while {doing} {model}"
        cause = "Memory may have run out. " if code == -_SIGKILL else ""
        path = self._config.model if isinstance(self._config.model, Path) else model
        tried = f"`oxidizedvision backends --model {path}` tells which work"
        return OxidizedVisionError(
            Kind.UNSUPPORTED if code < 0 else Kind.INTERNAL,
            f"{message}: {last}" if last else message,
            f"{cause}Use another runner; {tried}.",
        )

    def _not_understood(self, reason: Exception) -> OxidizedVisionError:
        return OxidizedVisionError(
            Kind.INTERNAL,
            f"{self._config.model_name}: the process of {self._engine} gave an answer that is not "
            f"understood: {reason}",
            "Please report it with what --verbose shows.",
        )

    def _unusable(self, why: str) -> OxidizedVisionError:
        return OxidizedVisionError(
            Kind.BACKEND_UNAVAILABLE,
            f"The runner of {self._config.model_name} in {self._engine} {why}",
            "Load the model again, in the process that runs it.",
        )


def _load_request(engine: str, config: RunnerConfig) -> Message:
    content = config.model if isinstance(config.model, bytes) else None
    body = {
        "engine": engine,
        "model": os.fspath(config.model) if isinstance(config.model, Path) else None,
        "name": config.name,
        "input_shapes": {
            name: [operator.index(length) for length in shape]
            for name, shape in config.input_shapes.items()
        },
        "device": config.device,
        "threads": None if config.threads is None else operator.index(config.threads),
        "precision": config.precision,
        "optimize": config.optimize,
        "options": dict(config.options),
    }
    return Message(body, {} if content is None else {"model": np.frombuffer(content, np.uint8)})


def _last_line(said: str) -> str:
    """What an engine said in the end, but for the notes that Rust adds to everything."""
    lines = [line.strip() for line in said.splitlines() if not line.startswith("note: ")]
    return next(filter(None, reversed(lines)), "")


def _error_in(answer: Message) -> Exception | None:
    body: dict[str, Any] = dict(answer.body)
    if "memory" in body:
        return MemoryError(str(body["memory"]))
    if "error" not in body:
        return None
    try:
        return error_from_dict(body["error"])
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenMessageError(f"no error is {body['error']!r}") from error
