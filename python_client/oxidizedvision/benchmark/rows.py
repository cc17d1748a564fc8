"""The rows of a report, from what was recorded of each candidate."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping
from pathlib import Path

from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.harness import Record, beside
from oxidizedvision.benchmark.report import BenchmarkFailure, BenchmarkResult, NoiseFloor
from oxidizedvision.benchmark.statistics import (
    LEAST_FLOOR,
    Sample,
    compare,
    interval_of_median,
    latency_statistics,
    noise_floor,
    percentiles,
    ratio,
)
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.target import Target, Unavailable, unavailable_from

Records = Mapping[Candidate, Record]
Names = Mapping[Candidate, str]


def rows_of(
    where: Target,
    records: Records,
    names: Names,
    reference: Candidate | None,
    noise: NoiseFloor | None,
) -> tuple[BenchmarkResult, ...]:
    """A row for each candidate that was measured; all but the reference are compared with it.

    Raises:
        OxidizedVisionError: `not_found` for a model's file that is gone.
    """
    floor = noise.floor if noise else LEAST_FLOOR
    rows = []
    for candidate, name in names.items():
        record = records[candidate]
        if record.error is not None:
            continue
        row = _row(where, candidate, name, record)
        if reference is not None and candidate != reference and records[reference].error is None:
            ours, theirs = beside(record, records[reference])
            versus = compare(
                _per_input(candidate, ours), _per_input(reference, theirs), names[reference], floor
            )
            row = dataclasses.replace(row, versus=versus)
        rows.append(row)
    return tuple(rows)


def noise_of(
    records: Records, names: Names, reference: Candidate | None, double: Candidate | None
) -> NoiseFloor | None:
    """How far the reference seems to be from itself; None where it was not measured twice."""
    if reference is None or double is None:
        return None
    one, other = records[reference], records[double]
    if one.error or other.error:
        return None
    same, interval = ratio(*beside(other, one))
    return NoiseFloor(names[reference], same, interval, noise_floor(same))


def failed(
    records: Records, names: Names
) -> tuple[tuple[Unavailable, ...], tuple[BenchmarkFailure, ...]]:
    """The candidates without a row: those that are not here, and those that failed."""
    unavailable: list[Unavailable] = []
    failures: list[BenchmarkFailure] = []
    for candidate, name in names.items():
        error = records[candidate].error
        if error is None:
            continue
        if missing := unavailable_from(name, error):
            unavailable.append(missing)
        else:
            failures.append(BenchmarkFailure(name, error.kind, error.message, error.hint))
    return tuple(unavailable), tuple(failures)


def _per_input(candidate: Candidate, sample: Sample) -> list[list[float]]:
    """Window medians over the batch: rows of a sweep do not do the same work in one run."""
    return [[window / candidate.batch_size for window in windows] for windows in sample]


def _row(where: Target, candidate: Candidate, name: str, record: Record) -> BenchmarkResult:
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
