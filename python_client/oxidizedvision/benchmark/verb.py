"""`benchmark`: every runner in a fresh process, one after the other."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.benchmark.process import measure_apart
from oxidizedvision.benchmark.program import measure_program
from oxidizedvision.benchmark.report import (
    BenchmarkFailure,
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkResult,
)
from oxidizedvision.benchmark.statistics import latency_statistics
from oxidizedvision.benchmark.worker import Request
from oxidizedvision.config import BenchmarkConfig, Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.manifest import update_manifest
from oxidizedvision.core.results import Notify, silent, to_plain
from oxidizedvision.runners.request import cuda_index, granted_threads
from oxidizedvision.runners.target import Target, Unavailable, resolve, unavailable_from


@dataclasses.dataclass(frozen=True)
class _Settings:
    iters: int
    batch_size: int
    warmup_iters: int
    device: str
    threads: int
    timeout_s: float


def benchmark(
    target: str | Path | Config,
    *,
    runners: Sequence[str] | None = None,
    options: BenchmarkOptions | None = None,
    program: str | Path | None = None,
    skip_unavailable: bool = False,
    notify: Notify = silent,
) -> BenchmarkReport:
    """Time runners on a converted model, each in a process of its own.

    The figures are written into the manifest where the model has one.

    Args:
        target: A config or its path, a manifest, or an .onnx file.
        runners: Names; None as in `validate`.
        options: How to measure; what is not given comes from the config.
        program: A packaged executable, timed by its own `--benchmark` as the runner `program`.
        skip_unavailable: Whether runners that are not here are fine; see `exit_code`.
        notify: Told which runner is being timed.

    Raises:
        OxidizedVisionError: when there is no model, or for options without a meaning. A runner
            that cannot be measured is in `failures`.
    """
    where = resolve(target, Path(program) if program else None)
    settings = _settings(options or BenchmarkOptions(), where.config)
    names = where.names(runners)
    unavailable = [missing for name in names if (missing := where.missing(name))]
    requests = [_request(where, name, settings) for name in names if not where.missing(name)]
    results: list[BenchmarkResult] = []
    failures: list[BenchmarkFailure] = []
    for request in requests:
        notify(f"timing {request.runner}")
        outcome = _measured(where, request, settings)
        if isinstance(outcome, BenchmarkResult):
            results.append(outcome)
        elif isinstance(outcome, Unavailable):
            unavailable.append(outcome)
        else:
            failures.append(outcome)
    report = BenchmarkReport(
        model=where.name,
        machine=fingerprint(),
        results=tuple(results),
        unavailable=tuple(unavailable),
        failures=tuple(failures),
        skip_unavailable=skip_unavailable,
    )
    _record(where, report, settings)
    return report


def _settings(options: BenchmarkOptions, config: Config | None) -> _Settings:
    base = config.benchmark if config else BenchmarkConfig()
    settings = _Settings(
        iters=base.iters if options.iters is None else options.iters,
        batch_size=base.batch_size if options.batch_size is None else options.batch_size,
        warmup_iters=base.warmup_iters if options.warmup_iters is None else options.warmup_iters,
        device=base.device if options.device is None else options.device,
        threads=granted_threads() if options.threads is None else options.threads,
        timeout_s=options.timeout_s,
    )
    cuda_index(settings.device)
    least = {"iters": 1, "batch_size": 1, "warmup_iters": 0, "threads": 1, "timeout_s": 0}
    for name, minimum in least.items():
        if getattr(settings, name) < minimum:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"{name} cannot be {getattr(settings, name)}",
                f"Use {minimum} or more.",
            )
    return settings


def _request(where: Target, runner: str, settings: _Settings) -> Request:
    # The device of the options wins, unless it is the CPU and the config's entry says CUDA.
    device = None if settings.device == "cpu" else settings.device
    runner_config = where.runner_config(runner, device=device)
    live = where.config if runner == "pytorch" else None
    return Request(
        runner=runner,
        model=str(runner_config.model),
        shapes=_shapes(where),
        device=runner_config.device,
        threads=settings.threads,
        optimize=runner_config.optimize,
        iters=settings.iters,
        warmup_iters=settings.warmup_iters,
        batch_size=settings.batch_size,
        config=live.model_dump_json(exclude_unset=True) if live else None,
        config_path=str(live.path) if live and live.path else None,
    )


def _shapes(where: Target) -> dict[str, list[int]]:
    return where.manifest.input_shapes if where.manifest else {}


def _measured(
    where: Target, request: Request, settings: _Settings
) -> BenchmarkResult | BenchmarkFailure | Unavailable:
    try:
        answer = _answer(where, request, settings)
    except OxidizedVisionError as error:
        return unavailable_from(request.runner, error) or BenchmarkFailure(
            request.runner, error.kind, error.message, error.hint
        )
    latency_ms = answer["latency_ms"]
    statistics = latency_statistics(latency_ms, request.batch_size)
    return BenchmarkResult(
        runner=request.runner,
        engine_version=answer["engine_version"],
        threads=answer["threads"],
        batch_size=request.batch_size,
        iterations=len(latency_ms),
        **dataclasses.asdict(statistics),
        load_ms=answer["load_ms"],
        first_ms=answer["first_ms"],
        peak_rss_mib=answer["peak_rss_mib"],
        model_bytes=_model_bytes(where, request),
    )


def _answer(where: Target, request: Request, settings: _Settings) -> dict[str, Any]:
    if request.runner != "program":
        return measure_apart(request, settings.timeout_s)
    runner_config = dataclasses.replace(
        where.runner_config("program", device=request.device, threads=request.threads),
        options={"timeout_s": str(settings.timeout_s)},
    )
    return measure_program(request, runner_config)


def _model_bytes(where: Target, request: Request) -> int:
    """The size of the model's file; the network of `pytorch` is as large as its scripted file."""
    path = Path(request.model)
    if request.runner == "pytorch" and where.manifest is not None:
        path = where.folder / where.manifest.head("torchscript").file
    try:
        return path.stat().st_size
    except OSError as error:
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"{path}: {error.strerror}", "Run `oxidizedvision convert` again."
        ) from error


def _record(where: Target, report: BenchmarkReport, settings: _Settings) -> None:
    """Write the figures into the manifest; a folder that cannot be written to is only told of."""
    if where.manifest_path is None:
        return
    figures = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": to_plain(settings),
        **to_plain(report),
    }
    try:
        update_manifest(where.manifest_path, lambda m: m.model_copy(update={"benchmark": figures}))
    except OxidizedVisionError as error:
        warnings.warn(
            f"The figures are not in the manifest: {error.message}",
            OxidizedVisionWarning,
            stacklevel=3,
        )
