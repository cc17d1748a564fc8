"""`benchmark`: every candidate in fresh processes, in turns, with a verdict for each."""

from __future__ import annotations

import dataclasses
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oxidizedvision.benchmark import plan as planning
from oxidizedvision.benchmark.candidate import Candidate, engine_name, names
from oxidizedvision.benchmark.harness import Record, measure
from oxidizedvision.benchmark.levers import try_levers
from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.benchmark.plan import Settings
from oxidizedvision.benchmark.report import (
    SCHEMA_VERSION,
    BenchmarkFailure,
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkResult,
    NoiseFloor,
)
from oxidizedvision.benchmark.sessions import WORKER, open_session
from oxidizedvision.benchmark.statistics import (
    LEAST_FLOOR,
    compare,
    interval_of_median,
    latency_statistics,
    noise_floor,
    percentiles,
    ratio,
)
from oxidizedvision.budget import BudgetReport, check, failing_runners
from oxidizedvision.config import BudgetConfig, Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import update_manifest
from oxidizedvision.core.results import Notify, silent, to_plain
from oxidizedvision.runners.prepared import is_prepared
from oxidizedvision.runners.target import Target, Unavailable, resolve, unavailable_from

Records = Mapping[Candidate, Record]


def benchmark(
    target: str | Path | Config,
    *,
    runners: Sequence[str] | None = None,
    options: BenchmarkOptions | None = None,
    program: str | Path | None = None,
    skip_unavailable: bool = False,
    budget: BudgetConfig | None = None,
    notify: Notify = silent,
) -> BenchmarkReport:
    """Measure runners on a converted model, in turns, each in fresh processes of its own.

    The figures are written into the manifest where the model has one and is not a prepared file.

    Args:
        target: A config or its path, a manifest, an .onnx file or a prepared model.
        runners: Names, `torch.compile` among them; None as in `validate`.
        options: How to measure; what is not given comes from the config.
        program: A packaged executable, measured as the runner `program`.
        skip_unavailable: Whether runners that are not here are fine; see `exit_code`.
        budget: The limits; None takes the config's.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: when there is no model, or for options without a meaning. A runner
            that cannot be measured is in `failures`.
    """
    where = resolve(target, Path(program) if program else None)
    options = options or BenchmarkOptions()
    settings = planning.settings(options, where.config)
    asked = planning.split_names(where, runners)
    missing = {name: where.missing(engine_name(name)) for name in asked}
    ready = [name for name in asked if not missing[name]]
    candidates = [
        dataclasses.replace(candidate, options=tuple((options.engine_options or {}).items()))
        for candidate in planning.candidates(ready, settings)
    ]
    report = measured(where, candidates, settings, notify=notify)
    unavailable = [dataclasses.replace(m, name=name) for name, m in missing.items() if m]
    report = dataclasses.replace(
        report,
        unavailable=(*unavailable, *report.unavailable),
        skip_unavailable=skip_unavailable,
    )
    limits = budget or (where.config.budget if where.config else None)
    report = dataclasses.replace(report, budget=_held(limits, where, report))
    broken = report.budget is not None and not report.budget.kept
    if broken if options.levers is None else options.levers:
        report = try_levers(
            where, report, candidates, settings, measure=measured, limits=limits, notify=notify
        )
        report = dataclasses.replace(report, budget=_held(limits, where, report))
    if not is_prepared(where.model):
        _record(where, report, settings)
    return report


def _held(
    limits: BudgetConfig | None, where: Target, report: BenchmarkReport
) -> BudgetReport | None:
    """A benchmark against its budget; None where nothing is limited."""
    if limits is None or not limits.limits:
        return None
    failing = failing_runners(where.manifest.validation if where.manifest else None)
    return check(limits, report, failing=failing, levers=report.levers)


def measured(
    where: Target,
    candidates: Sequence[Candidate],
    settings: Settings,
    *,
    labels: Sequence[str] | None = None,
    worker_of: Callable[[Candidate], str] = lambda _: WORKER,
    notify: Notify = silent,
) -> BenchmarkReport:
    """The report on candidates, whatever chose them; nothing is written.

    The reference is measured a second time, as if it were another candidate: that is the noise
    floor.

    Args:
        where: The converted model.
        candidates: What to measure.
        settings: How.
        labels: A name for each; None for those that tell them apart.
        worker_of: The module that the process of a candidate is.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `usage` for a reference that is none of them.
    """
    named = dict(zip(candidates, labels or names(candidates), strict=True))
    reference = _reference(named, settings.reference)
    double = reference.again() if reference and settings.plan.processes > 1 else None
    records = measure(
        [*candidates, *([double] if double else [])],
        settings.plan,
        lambda candidate: open_session(
            where,
            candidate,
            device=settings.device,
            timeout_s=settings.timeout_s,
            worker=worker_of(candidate),
        ),
        reference=reference,
        notify=notify,
    )
    noise = _noise(records, named, reference, double)
    done = {c: records[c] for c in candidates if not records[c].error}
    floor = noise.floor if noise else LEAST_FLOOR
    rows = [_result(where, c, named[c], record) for c, record in done.items()]
    if reference in done:
        base = _per_input(reference, done[reference])
        rows = [
            row
            if candidate == reference
            else dataclasses.replace(
                row,
                versus=compare(_per_input(candidate, record), base, named[reference], floor),
            )
            for row, (candidate, record) in zip(rows, done.items(), strict=True)
        ]
    unavailable, failures = _failed(records, named)
    return BenchmarkReport(
        schema_version=SCHEMA_VERSION,
        model=where.name,
        model_sha256=sha256_of(where.model),
        machine=fingerprint(),
        results=tuple(rows),
        unavailable=tuple(unavailable),
        failures=tuple(failures),
        noise=noise,
        errors=_validated_errors(where),
    )


def _reference(labels: Mapping[Candidate, str], asked: str | None) -> Candidate | None:
    """The row to compare with: the one of that name, else the first of that runner.

    Raises:
        OxidizedVisionError: `usage` when there is none.
    """
    if asked is None:
        return next(iter(labels), None)
    for candidate, label in labels.items():
        if label == asked:
            return candidate
    for candidate in labels:
        if candidate.runner == asked:
            return candidate
    raise OxidizedVisionError(
        Kind.USAGE,
        f"The reference {asked!r} is none of the rows: {', '.join(labels.values()) or 'none'}",
        "Name a runner that is measured too.",
    )


def _per_input(candidate: Candidate, record: Record) -> list[list[float]]:
    """Window medians over the batch: rows of a sweep do not do the same work in one run."""
    return [[window / candidate.batch_size for window in windows] for windows in record.sample]


def _noise(
    records: Records,
    labels: Mapping[Candidate, str],
    reference: Candidate | None,
    double: Candidate | None,
) -> NoiseFloor | None:
    if reference is None or double is None:
        return None
    one, other = records[reference], records[double]
    if one.error or other.error:
        return None
    same, interval = ratio(other.sample, one.sample)
    return NoiseFloor(labels[reference], same, interval, noise_floor(same))


def _failed(
    records: Records, labels: Mapping[Candidate, str]
) -> tuple[list[Unavailable], list[BenchmarkFailure]]:
    unavailable: list[Unavailable] = []
    failures: list[BenchmarkFailure] = []
    for candidate, label in labels.items():
        error = records[candidate].error
        if error is None:
            continue
        if missing := unavailable_from(label, error):
            unavailable.append(missing)
        else:
            failures.append(BenchmarkFailure(label, error.kind, error.message, error.hint))
    return unavailable, failures


def _result(where: Target, candidate: Candidate, name: str, record: Record) -> BenchmarkResult:
    latency_ms = record.latency_ms
    starts = [process.start for process in record.processes]
    first_results = [start.load_ms + start.first_ms for start in starts]
    return BenchmarkResult(
        name=name,
        runner=candidate.runner,
        engine_version=starts[0].engine_version,
        device=starts[0].device,
        threads=starts[0].threads,
        batch_size=candidate.batch_size,
        variant=candidate.variant,
        iterations=len(latency_ms),
        processes=len(starts),
        **dataclasses.asdict(latency_statistics(latency_ms, candidate.batch_size)),
        p50_interval_ms=interval_of_median(record.sample),
        load_ms=statistics.median(start.load_ms for start in starts),
        first_ms=statistics.median(start.first_ms for start in starts),
        first_result_ms=statistics.median(first_results),
        peak_rss_mib=max(process.windows[-1].peak_rss_mib for process in record.processes),
        model_bytes=_model_bytes(where, candidate),
        settled=record.settled,
        disturbed=record.disturbed,
        percentiles_ms=percentiles(latency_ms),
        windows_ms=tuple(tuple(windows) for windows in record.sample),
        first_results_ms=tuple(first_results),
        loads_ms=tuple(start.load_ms for start in starts),
    )


def _model_bytes(where: Target, candidate: Candidate) -> int:
    """The size of the model's file; the network of `pytorch` is as large as its scripted file."""
    if candidate.model is not None:
        path = Path(candidate.model)
    elif candidate.engine == "pytorch" and where.has_torchscript and where.manifest is not None:
        path = where.folder / where.manifest.head("torchscript").file
    elif candidate.engine == "pytorch":
        path = where.model
    else:
        path = where.file_for(candidate.engine)
    try:
        return path.stat().st_size
    except OSError as error:
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"{path}: {error.strerror}", "Run `oxidizedvision convert` again."
        ) from error


def _validated_errors(where: Target) -> dict[str, float]:
    """The largest difference from PyTorch by runner, as the last validation found it."""
    validation = where.manifest.validation if where.manifest else None
    errors: dict[str, float] = {}
    for row in (validation or {}).get("results", []):
        value = row.get("max_error")
        if value is not None:
            errors[row["runner"]] = max(value, errors.get(row["runner"], 0.0))
    return errors


def _record(where: Target, report: BenchmarkReport, settings: Settings) -> None:
    """Write the figures into the manifest; a folder that cannot be written to is only told of."""
    if where.manifest_path is None:
        return
    figures: dict[str, Any] = {
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
