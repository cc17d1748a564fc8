"""What an exported ONNX file is worth: parity with PyTorch, and the Rust engines that run it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.convert.proof.parity import Parity, measure
from oxidizedvision.convert.proof.sweep import Trial
from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.results import Notify
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.table import availability, load_runner

JUDGES = tuple(
    engine.name
    for engine in NATIVE_ENGINES
    if engine.file_format == "onnx" and engine.computes_here
)
"""The engines that run ONNX files themselves; those that are not ready here say nothing."""

REFERENCE = "onnxruntime"


@dataclass(frozen=True)
class EngineVerdict:
    """`status` is `works`, `load_error`, `run_error` or `differs`; reason is empty where it works.

    worst: largest absolute error against PyTorch over the trials that agree.
    """

    engine: str
    status: str
    worst: float = 0.0
    reason: str = ""

    @property
    def works(self) -> bool:
        """Whether the engine loads the file and agrees with PyTorch on every trial."""
        return self.status == "works"


def parity_of(file: Path, trials: Sequence[Trial]) -> Parity:
    """ONNX Runtime against PyTorch.

    A file that does not load fails the first trial.
    """
    try:
        runner = load_runner(REFERENCE, RunnerConfig(file, threads=1, optimize=False), apart=True)
    except OxidizedVisionError as error:
        return Parity(0, 0.0, 0.0, trials[0], error.message, ran=False)
    with runner:
        return measure(runner.run_named, trials)


def ready_judges() -> list[str]:
    """The engines that can be asked here."""
    return [name for name in JUDGES if availability(name).ready]


def verdict_of(engine: str, file: Path, trials: Sequence[Trial]) -> EngineVerdict:
    """One Rust engine against PyTorch."""
    try:
        runner = load_runner(engine, RunnerConfig(file), apart=True)
    except OxidizedVisionError as error:
        return EngineVerdict(engine, "load_error", reason=error.message)
    with runner:
        parity = measure(runner.run_named, trials)
    found = EngineVerdict(engine, "works", parity.worst)
    if parity.failed is None:
        return found
    return dataclasses.replace(
        found,
        status="differs" if parity.ran else "run_error",
        reason=f"{parity.failed.name}: {parity.reason}",
    )


def verdicts_of(file: Path, trials: Sequence[Trial], notify: Notify) -> tuple[EngineVerdict, ...]:
    """Every engine that is ready here."""
    found = []
    for engine in ready_judges():
        notify(f"trying it in {engine}")
        found.append(verdict_of(engine, file, trials))
    return tuple(found)
