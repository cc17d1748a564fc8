"""What is measured: a runner with its threads and its batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from oxidizedvision.runners.table import engine_named

COMPILED = "torch.compile"
"""The one name that `benchmark` knows beside the runners': the network through torch.compile."""


@dataclass(frozen=True)
class Candidate:
    """One row of a benchmark.

    runner: a name of the table, or `torch.compile`. model: another file than the target's, such as
    a prepared one. options: of the engine. copy: 1 for the second of two that are the same.
    """

    runner: str
    threads: int
    batch_size: int
    model: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    variant: str = ""
    copy: int = 0

    @property
    def engine(self) -> str:
        """The name in the table of runners."""
        return "pytorch" if self.runner == COMPILED else self.runner

    def again(self) -> Candidate:
        """The same, to be measured as if it were another."""
        return replace(self, copy=self.copy + 1)


def names(candidates: Sequence[Candidate]) -> list[str]:
    """A name for each: its runner's, with what differs between the rows of one runner."""
    several_threads = _differs(candidates, "threads")
    several_batches = _differs(candidates, "batch_size")
    return [
        ", ".join(
            part
            for part in (
                candidate.runner,
                candidate.variant,
                _threads_text(candidate.threads) if several_threads else "",
                f"batch {candidate.batch_size}" if several_batches else "",
            )
            if part
        )
        for candidate in candidates
    ]


def engine_name(name: str) -> str:
    """The name of the table that a name of a benchmark's row stands for.

    Raises:
        OxidizedVisionError: `usage` for a name that is neither.
    """
    return "pytorch" if name == COMPILED else engine_named(name).name


def _differs(candidates: Sequence[Candidate], field: str) -> bool:
    values: set[Any] = {getattr(candidate, field) for candidate in candidates}
    return len(values) > 1


def _threads_text(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"
