"""What `benchmark` is asked for and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oxidizedvision.budget import BudgetReport, Lever
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.runners.target import Unavailable

SCHEMA_VERSION = 2

Interval = tuple[float, float]
"""Both ends of a 95 % confidence interval."""


MUCH_DISTURBED = 0.05
"""A row that waited for a processor in a larger share of its time was disturbed."""


@dataclass(frozen=True)
class BenchmarkOptions:
    """How to measure; None takes the config's value, or its default where there is no config.

    Args:
        iters: Timed runs of each candidate over all its processes, exactly as many where given
            here or in the config; else until its windows agree.
        batch_size: Length of the leading axis of every input; several give a sweep. None: that
            of `shapes` where given.
        warmup_iters: Runs before timing starts, the first one included; there is always a first.
            Exactly as many where given here or in the config; else until it runs evenly.
        device: `cpu`, `cuda` or `cuda:N`, of every runner, whatever the config's entries say.
        threads: Threads of one run, and processors it may use; several give a sweep. None means
            as many processors as this process may use.
        processes: Fresh processes of each candidate; at least 3 for intervals worth the name.
        most_processes: So many where intervals stay wide; None: twice `processes`.
        reference: The runner, or the name of the row, that the others are compared with; None
            is the first row.
        timeout_s: How long one process of a candidate may take in all.
        engine_options: Options of the engines, by name; every engine that is measured gets them.
        levers: Whether to try what may keep a budget: other engines, prepared models, mapping,
            one thread. None: where there is a budget and it is broken.
        shapes: Of inputs, by name, in place of the examples': an .onnx file whose axes have names
            and that no manifest lists needs them.
    """

    iters: int | None = None
    batch_size: int | Sequence[int] | None = None
    warmup_iters: int | None = None
    device: str | None = None
    threads: int | Sequence[int] | None = None
    processes: int = 5
    most_processes: int | None = None
    reference: str | None = None
    timeout_s: float = 600.0
    engine_options: Mapping[str, str] | None = None
    levers: bool | None = None
    shapes: Mapping[str, Sequence[int]] | None = None


@dataclass(frozen=True)
class Comparison:
    """A row against the reference.

    speedup: time per input of the reference over this row's, of typical (median) runs, measured in
    turns; above 1 this row is faster. interval: its 95 % confidence interval. verdict: `faster`,
    `slower` or `no significant difference`, which also covers differences below the noise floor.
    """

    reference: str
    speedup: float
    interval: Interval
    verdict: str

    @property
    def words(self) -> str:
        """The verdict as a sentence without its subject."""
        low, high = self.interval
        span = f"({low:.2f} to {high:.2f})"
        if self.verdict == "no significant difference":
            return f"no significant difference to {self.reference} {span}"
        return f"{self.verdict}: {self.speedup:.2f} times the speed of {self.reference} {span}"


@dataclass(frozen=True)
class NoiseFloor:
    """The same candidate measured twice, as if it were two (A/A).

    ratio: latency of one over that of the other; interval: its 95 % confidence interval. floor:
    relative differences below it are never called significant.
    """

    name: str
    ratio: float
    interval: Interval
    floor: float


@dataclass(frozen=True)
class BenchmarkResult:
    """One candidate: a runner with its threads and batch, in fresh processes of its own.

    Latencies are of one run of a whole batch, in milliseconds, over all timed runs of all
    processes. `load_ms` is loading the model with the engine's library already in memory,
    `first_ms` the first run, `first_result_ms` both: each the median over the processes.
    `peak_rss_mib` is the most memory that a process of it ever held, the interpreter and the
    library included. `model_bytes` is the size of the file that the runner reads; of `program`
    the executable.

    name: how the row is called where a sweep gives a runner several rows.
    p50_interval_ms: 95 % confidence interval of the median, from a bootstrap over processes.
    settled: whether windows and processes agreed before the time for measuring was used up.
    disturbed: the share of their time in which its threads were ready and waited for a
        processor, because something else ran on it; None where the system does not tell.
    percentiles_ms: the distribution, from the 0th to the 100th percentile in 101 values.
    windows_ms: for each process the median of each of its windows, in their order: what `diff`
        and `--baseline` compare.
    versus: against the reference; None for the reference itself, and without one.
    variant: what it is beside runner, threads and batch, such as `prepared, mmap`. lever: whether
        it was measured to see what would keep the budget, and is not as configured.
    """

    name: str
    runner: str
    engine_version: str
    device: str
    threads: int
    batch_size: int
    iterations: int
    processes: int
    avg_ms: float
    p50_ms: float
    p50_interval_ms: Interval
    p95_ms: float
    p99_ms: float
    std_ms: float
    throughput_per_s: float
    load_ms: float
    first_ms: float
    first_result_ms: float
    peak_rss_mib: float
    model_bytes: int
    settled: bool
    disturbed: float | None
    percentiles_ms: tuple[float, ...] = field(repr=False)
    windows_ms: tuple[tuple[float, ...], ...] = field(repr=False)
    first_results_ms: tuple[float, ...] = field(repr=False)
    loads_ms: tuple[float, ...] = field(repr=False)
    versus: Comparison | None = None
    variant: str = ""
    lever: bool = False


@dataclass(frozen=True)
class BenchmarkFailure:
    """A candidate that is here and could not be measured."""

    runner: str
    kind: Kind
    message: str
    hint: str


@dataclass(frozen=True)
class BenchmarkReport:
    """The figures of every candidate that could be measured, and why the others have none.

    machine: see `machine.fingerprint`. noise: None where the time of one process only was asked
    for. errors: by runner, its largest difference from PyTorch in the last validation, where there
    was one. budget: the config's limits against these figures; None where it has none. levers: what
    was tried beside what is configured, whose rows are marked.
    """

    schema_version: int
    model: str
    model_sha256: str
    machine: dict[str, Any]
    results: tuple[BenchmarkResult, ...]
    unavailable: tuple[Unavailable, ...]
    failures: tuple[BenchmarkFailure, ...] = ()
    noise: NoiseFloor | None = None
    errors: dict[str, float] = field(default_factory=dict)
    skip_unavailable: bool = False
    budget: BudgetReport | None = None
    levers: tuple[Lever, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """That of the first failure; 4 when a runner is missing and may not be; 3 for the budget.

        0 where all is well.
        """
        if self.failures:
            return OxidizedVisionError(self.failures[0].kind, "").exit_code
        if self.unavailable and not self.skip_unavailable:
            return ExitCode.MISSING_PART
        return self.budget.exit_code if self.budget else ExitCode.DONE
