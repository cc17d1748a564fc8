"""`benchmark`: every candidate in fresh processes, in turns, with a verdict for each."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oxidizedvision.benchmark import plan as planning
from oxidizedvision.benchmark.candidate import Candidate, engine_name, names
from oxidizedvision.benchmark.harness import measure
from oxidizedvision.benchmark.levers import try_levers
from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.benchmark.plan import Settings
from oxidizedvision.benchmark.report import (
    SCHEMA_VERSION,
    BenchmarkOptions,
    BenchmarkReport,
)
from oxidizedvision.benchmark.rows import failed, noise_of, rows_of
from oxidizedvision.benchmark.sessions import WORKER, open_session
from oxidizedvision.budget import BudgetReport, check, failing_runners
from oxidizedvision.config import BudgetConfig, Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import update_manifest
from oxidizedvision.core.results import Notify, silent, to_plain
from oxidizedvision.packaged import takes_packages
from oxidizedvision.runners.prepared import is_prepared
from oxidizedvision.runners.target import Target, resolve


@takes_packages
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
        target: A config or its path, a manifest, an .onnx file, a prepared model or a package.
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
    where = dataclasses.replace(where, shapes=settings.shapes)
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
    noise = noise_of(records, named, reference, double)
    unavailable, failures = failed(records, named)
    return BenchmarkReport(
        schema_version=SCHEMA_VERSION,
        model=where.name,
        model_sha256=sha256_of(where.model),
        machine=fingerprint(),
        results=rows_of(where, records, named, reference, noise),
        unavailable=unavailable,
        failures=failures,
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
