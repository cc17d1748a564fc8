"""What `benchmark` is asked for and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.runners.target import Unavailable


@dataclass(frozen=True)
class BenchmarkOptions:
    """How to measure; None takes the config's value, or its default where there is no config.

    Args:
        iters: Timed runs.
        batch_size: Length of the leading axis of every input.
        warmup_iters: Runs before timing starts, the first one included; there is always a first.
        device: `cpu`, `cuda` or `cuda:N`.
        threads: Threads of one run; None means as many processors as this process may use.
        timeout_s: How long one runner may take in all.
    """

    iters: int | None = None
    batch_size: int | None = None
    warmup_iters: int | None = None
    device: str | None = None
    threads: int | None = None
    timeout_s: float = 600.0


@dataclass(frozen=True)
class BenchmarkResult:
    """One runner in a process of its own.

    Latencies are of one run of a whole batch, in milliseconds. `load_ms` is loading the model
    with the engine's library already in memory, `first_ms` the first run. `peak_rss_mib` is the
    most memory that the process ever held, the interpreter and the library included.
    `model_bytes` is the size of the file that the runner reads; of `program` the executable.
    """

    runner: str
    engine_version: str
    threads: int
    batch_size: int
    iterations: int
    avg_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    std_ms: float
    throughput_per_s: float
    load_ms: float
    first_ms: float
    peak_rss_mib: float
    model_bytes: int


@dataclass(frozen=True)
class BenchmarkFailure:
    """A runner that is here and could not be measured."""

    runner: str
    kind: Kind
    message: str
    hint: str


@dataclass(frozen=True)
class BenchmarkReport:
    """The figures of every runner that could be measured, and why the others have none."""

    model: str
    machine: dict[str, Any]
    results: tuple[BenchmarkResult, ...]
    unavailable: tuple[Unavailable, ...]
    failures: tuple[BenchmarkFailure, ...] = ()
    skip_unavailable: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """That of the first failure; 4 when a runner is missing and may not be; else 0."""
        if self.failures:
            return OxidizedVisionError(self.failures[0].kind, "").exit_code
        if self.unavailable and not self.skip_unavailable:
            return ExitCode.MISSING_PART
        return ExitCode.DONE
