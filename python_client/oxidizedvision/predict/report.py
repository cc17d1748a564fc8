"""What `predict` tells while it works and when it is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError


class Step(str):
    """What is being done now, and how far that is: `done` of `total` inputs are finished."""

    __slots__ = ("done", "total")
    done: int
    total: int

    def __new__(cls, text: str, done: int, total: int) -> Self:
        step = super().__new__(cls, text)
        step.done, step.total = done, total
        return step


@dataclass(frozen=True)
class PredictResult:
    """One input that went through the model.

    `written` is `picture`, `mask`, `tensors`, or the kind of a document: `classification`,
    `segmentation`, `detection`. `run_ms` is the time of the run alone. `note` tells the result in
    a few words, or what the user should know about it; it may be empty.
    """

    input: Path
    output: Path
    written: str
    run_ms: float
    note: str = ""


@dataclass(frozen=True)
class PredictFailure:
    """One input of several that gave no result."""

    input: Path
    kind: Kind
    message: str
    hint: str


@dataclass(frozen=True)
class SkippedInput:
    """Something in a folder that `predict` did not take for an input."""

    input: Path
    reason: str


@dataclass(frozen=True)
class PredictReport:
    """Every input that was found, by what became of it; `load_ms` is loading the model.

    chosen: what `auto` chose and why, in one line; empty where the runner was named.
    """

    model: str
    runner: str
    engine_version: str
    device: str
    threads: int
    load_ms: float
    results: tuple[PredictResult, ...]
    failures: tuple[PredictFailure, ...] = ()
    skipped: tuple[SkippedInput, ...] = ()
    chosen: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """That of the first failure, 2 for a bad picture; else 0."""
        if self.failures:
            return OxidizedVisionError(self.failures[0].kind, "").exit_code
        return ExitCode.DONE
