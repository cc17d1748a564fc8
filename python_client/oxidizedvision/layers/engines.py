"""What models are run with: an engine of the table in a process of its own, with a time limit."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.onnx_file import LARGEST, PART_HINT
from oxidizedvision.runners.apart import IsolatedRunner
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.frames import Message
from oxidizedvision.runners.table import availability, engine_named, load_runner

if TYPE_CHECKING:
    from onnx import ModelProto

    from oxidizedvision.core.tensors import Array

SECONDS = 600.0
_STEP_S = 0.02


class Engine(Protocol):
    """Runs models."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def answers(
        self, model: ModelProto, cases: Sequence[Mapping[str, Array]]
    ) -> list[dict[str, Array]]:
        """The outputs for each case.

        Raises:
            OxidizedVisionError: whatever keeps the model from loading or running.
        """


@dataclass(frozen=True)
class RunnerEngine:
    """A runner of the table.

    optimize: the engine's own graph optimisation. seconds: that loading or one run may take.
    """

    name: str
    optimize: bool = True
    threads: int | None = None
    seconds: float = SECONDS

    def answers(
        self, model: ModelProto, cases: Sequence[Mapping[str, Array]]
    ) -> list[dict[str, Array]]:
        """See `Engine`."""
        if model.ByteSize() > LARGEST:
            raise OxidizedVisionError(
                Kind.UNSUPPORTED,
                f"The model has {model.ByteSize() / 1e9:.1f} GB, and layers are compared only in "
                "models of up to 2 GB",
                PART_HINT,
            )
        config = RunnerConfig(
            model.SerializeToString(),
            optimize=self.optimize,
            threads=self.threads,
            name=model.graph.name or "model",
        )
        with self._loaded(config) as runner:
            return [runner.run_named(case) for case in cases]

    def _loaded(self, config: RunnerConfig) -> Runner:
        if engine_named(self.name).apart and availability(self.name).ready:
            return TimedRunner(self.name, config, self.seconds)
        return load_runner(self.name, config, apart=True)


REFERENCE = RunnerEngine("onnxruntime", optimize=False)
"""Runs every node as the file has it."""


class TimedRunner(IsolatedRunner):
    """An engine in a process of its own that is ended when it takes too long."""

    def __init__(self, engine: str, config: RunnerConfig, seconds: float) -> None:
        self._seconds = seconds
        self._late = threading.Event()
        super().__init__(engine, config)

    def _ask(self, doing: str, message: Message) -> Message:
        done = threading.Event()
        threading.Thread(target=self._end_late, args=(done,), daemon=True).start()
        try:
            return super()._ask(doing, message)
        except Exception as error:
            if not self._late.is_set():
                raise
            raise OxidizedVisionError(
                Kind.ENGINE_FAILED,
                f"{self._engine} had not ended after {self._seconds:g} s of {doing} "
                f"{self._config.model_name}",
                "Give it more time, or use another runner.",
            ) from error
        finally:
            done.set()

    def _end_late(self, done: threading.Event) -> None:
        if done.wait(self._seconds):
            return
        self._late.set()
        while not done.wait(_STEP_S):
            worker = self._worker  # there may be none yet
            if worker is not None:
                worker.kill()
