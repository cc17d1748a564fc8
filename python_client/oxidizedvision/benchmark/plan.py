"""What to measure and how long, from the options and the config."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oxidizedvision.benchmark.candidate import COMPILED, Candidate
from oxidizedvision.benchmark.harness import Plan
from oxidizedvision.benchmark.report import BenchmarkOptions
from oxidizedvision.config import BenchmarkConfig, Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.request import cuda_index, granted_threads
from oxidizedvision.runners.target import Target

_CROWD, _ALWAYS_ALLOWED = 4, 8
_CPU = "cpu"


@dataclass(frozen=True)
class Settings:
    """The options with the config's values in place of what was not given.

    device: of every row; None: CUDA for a runner whose entry in the config says so, else its own.
    shapes: of inputs by name, as far as they were asked for; `batch_sizes` take the leading axis.
    """

    plan: Plan
    batch_sizes: tuple[int, ...]
    threads: tuple[int, ...]
    device: str | None
    reference: str | None
    timeout_s: float
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def settings(options: BenchmarkOptions, config: Config | None) -> Settings:
    """Fill the options in from the config.

    Raises:
        OxidizedVisionError: `usage` for a number that has no meaning, `invalid_option` for a
            device.
    """
    base = config.benchmark if config else BenchmarkConfig()
    shapes = {name: tuple(shape) for name, shape in (options.shapes or {}).items()}
    batch_size = options.batch_size if options.batch_size is not None else batch_of(shapes)
    written = base.model_fields_set
    iters = options.iters if options.iters is not None else base.iters
    warmup = options.warmup_iters if options.warmup_iters is not None else base.warmup_iters
    exact_iters = options.iters is not None or "iters" in written
    exact_warmup = options.warmup_iters is not None or "warmup_iters" in written
    found = Settings(
        plan=Plan(
            iters=iters if exact_iters else None,
            least_iters=iters,
            warmup_iters=warmup,
            warm_until_even=not exact_warmup,
            processes=options.processes,
            most_processes=_most_processes(options),
        ),
        batch_sizes=_several(batch_size, base.batch_size),
        threads=_several(options.threads, granted_threads()),
        device=_device(options, base),
        reference=options.reference,
        timeout_s=options.timeout_s,
        shapes=shapes,
    )
    cuda_index(found.device or _CPU)
    _refuse("iters", iters, 1)
    _refuse("warmup_iters", warmup, 0)
    _refuse("processes", options.processes, 1)
    _refuse("timeout_s", options.timeout_s if math.isfinite(options.timeout_s) else -1, 0)
    for name, values in (("batch_size", found.batch_sizes), ("threads", found.threads)):
        for value in values or (0,):
            _refuse(name, value, 1)
    _refuse_crowd(max(found.threads))
    return found


def batch_of(shapes: Mapping[str, Sequence[int]]) -> int | None:
    """The leading axis of shapes; None where there are none.

    Raises:
        OxidizedVisionError: `usage` where the leading axes differ: a run has one batch.
    """
    lengths = dict.fromkeys(shape[0] for shape in shapes.values() if shape)
    if len(lengths) > 1:
        told = ", ".join(f"{name}={','.join(map(str, shape))}" for name, shape in shapes.items())
        raise OxidizedVisionError(
            Kind.USAGE,
            f"The inputs have several batches: {told}",
            "Give every shape the same first length, or the batch itself with --batch-size.",
        )
    return next(iter(lengths), None)


def _device(options: BenchmarkOptions, base: BenchmarkConfig) -> str | None:
    """The CPU of a config is the default that is written out; one that is asked for is meant."""
    if options.device is not None:
        return options.device
    return None if base.device == _CPU else base.device


def _most_processes(options: BenchmarkOptions) -> int:
    most = options.most_processes
    return 2 * options.processes if most is None else max(options.processes, most)


def _refuse_crowd(threads: int) -> None:
    """Far more threads than processors only wait for each other, for minutes."""
    granted = granted_threads()
    if threads > max(_ALWAYS_ALLOWED, _CROWD * granted):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"threads cannot be {threads}: this process may use {granted} processors",
            f"Use 1 to {granted}.",
        )


def candidates(runners: Sequence[str], chosen: Settings) -> list[Candidate]:
    """Every runner with every number of threads and every batch."""
    return [
        Candidate(runner, threads, batch_size)
        for runner in runners
        for threads in chosen.threads
        for batch_size in chosen.batch_sizes
    ]


def split_names(where: Target, asked: Sequence[str] | None) -> list[str]:
    """The runners to measure in the table's order, `torch.compile` after pytorch where asked for.

    Raises:
        OxidizedVisionError: as `Target.names`.
    """
    if asked is None:
        return where.names(None)
    plain = [name for name in asked if name != COMPILED]
    names = where.names(plain) if plain or len(plain) == len(asked) else []
    if COMPILED in asked:
        names.insert(names.index("pytorch") + 1 if "pytorch" in names else 0, COMPILED)
    return names


def _several(given: int | Sequence[int] | None, default: int) -> tuple[int, ...]:
    if given is None:
        return (default,)
    return (given,) if isinstance(given, int) else tuple(dict.fromkeys(given))


def _refuse(name: str, value: float, least: int) -> None:
    if value < least:
        raise OxidizedVisionError(Kind.USAGE, f"{name} cannot be {value}", f"Use {least} or more.")
