"""What `choose` is asked for and what it chose, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = 1

Interval = tuple[float | None, float | None]
"""Both ends of a 95 % confidence interval; None where an end is not known."""


@dataclass(frozen=True)
class ChooseOptions:
    """Among what to choose, and how long to measure.

    Args:
        engines: Names of Rust engines; None means all that are ready here.
        device: `cpu`, `cuda` or `cuda:N`; None means the config's for each engine, else the CPU.
        threads: Numbers of threads to try; None means 1, 2, 4 … up to what is granted.
        batch_size: Batches to try; None means 1, for `throughput` 1, 4 and 8, as far as the
            model's batch axis is free.
        iters: Timed runs of each candidate in each stage; None: until its windows agree.
        warmup_iters: Runs before timing starts, exactly as many where given.
        processes: Fresh processes of each candidate in the last stage.
        timeout_s: How long one process may take in all.
    """

    engines: Sequence[str] | None = None
    device: str | None = None
    threads: int | Sequence[int] | None = None
    batch_size: int | Sequence[int] | None = None
    iters: int | None = None
    warmup_iters: int | None = None
    processes: int = 5
    timeout_s: float = 600.0


@dataclass(frozen=True)
class Question:
    """What was asked: a choice that was kept answers this question and no other.

    key: its name in the manifest. settings: by engine how the config has it run. tolerance: what
    counts as equal to PyTorch: mean absolute error and cosine similarity; None without a manifest.
    """

    key: str
    goal: str
    device: str
    engines: tuple[str, ...]
    threads: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    settings: dict[str, str]
    tolerance: tuple[float, float] | None


@dataclass(frozen=True)
class ChoiceRow:
    """The figures of one candidate.

    stage: `short`, or `full` for the finalists. figure: what the goal looks at, in `unit`.
    advantage: how many times better the chosen one is by the goal's figure, measured in turns
    where the stage is the same; None for the chosen one itself and between stages. interval: its
    95 % confidence interval, where there is one. settled: whether the time for measuring was
    enough. disturbed: the share of time in which its threads waited for a processor.
    """

    name: str
    runner: str
    engine_version: str
    device: str
    threads: int
    batch_size: int
    precision: str
    stage: str
    figure: float
    unit: str
    p50_ms: float
    p50_interval_ms: Interval
    throughput_per_s: float
    first_result_ms: float
    peak_rss_mib: float | None
    shipped_bytes: int
    settled: bool
    disturbed: float | None
    advantage: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True)
class Dropped:
    """An engine or a candidate that does not take part, and why. runner: of the table."""

    name: str
    runner: str
    reason: str


@dataclass(frozen=True)
class Choice:
    """What won for a goal, and the evidence.

    reason: why it won, in words. rows: every candidate that was measured, the chosen one first.
    dropped: every engine and candidate that was left out. files: SHA-256 of the model's files by
    name. versions: of the engines that were ready. file: the name of the ONNX file that it runs;
    empty for an engine that reads another format. kept: whether it was measured before and comes
    from the manifest. notes: what the reader should know, such as why it was measured again.
    """

    schema_version: int
    model: str
    goal: str
    runner: str
    engine_version: str
    threads: int
    batch_size: int
    precision: str
    device: str
    reason: str
    rows: tuple[ChoiceRow, ...]
    dropped: tuple[Dropped, ...]
    question: Question
    files: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, Any]
    options: dict[str, Any]
    at: str
    file: str = ""
    kept: bool = False
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The choice in one line, for verbs that used it."""
        kept = "kept, " if self.kept else ""
        return f"{self.words} ({kept}measured on {self.date})"

    @property
    def words(self) -> str:
        """What was chosen and why."""
        small = "" if self.precision == "fp32" else self.precision
        chosen = candidate_text(self.runner, self.threads, self.batch_size, small)
        return f"auto chose {chosen} for {self.goal}: {self.reason}"

    @property
    def date(self) -> str:
        """The day on which it was measured."""
        return self.at.partition("T")[0]


def candidate_text(runner: str, threads: int, batch_size: int = 1, precision: str = "") -> str:
    """A candidate in words: `ENGINE in INT8 with 2 threads, batch 4`; FP32 is not told."""
    batch = f", batch {batch_size}" if batch_size > 1 else ""
    small = f" in {precision.upper()}" if precision else ""
    return f"{runner}{small} with {threads} thread{'' if threads == 1 else 's'}{batch}"
