"""The benchmark's worker with an engine that takes a tenth longer, on purpose.

The rest of every run is spent computing, as an engine that got slower would spend it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from oxidizedvision.benchmark import worker
from oxidizedvision.benchmark.worker import MeasureRequest
from oxidizedvision.core.tensors import ModelInfo
from oxidizedvision.runners.base import Runner

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

SLOWDOWN = 1.1


class SlowedRunner(Runner):
    """Another runner, `SLOWDOWN` times as slow."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    @property
    def info(self) -> ModelInfo:
        return self._runner.info

    def run_named(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        start = time.perf_counter_ns()
        outputs = self._runner.run_named(inputs)
        end = start + (time.perf_counter_ns() - start) * SLOWDOWN
        while time.perf_counter_ns() < end:
            pass
        return outputs

    def _run(self, inputs: dict[str, Array]) -> dict[str, Array]:
        return self.run_named(inputs)

    def close(self) -> None:
        self._runner.close()


def load(request: MeasureRequest) -> Runner:
    """The runner of a request, slowed down."""
    return SlowedRunner(worker.load(request))


if __name__ == "__main__":
    worker.serve(load)
