"""A report from the JSON document that it was written as."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from oxidizedvision.benchmark.report import (
    SCHEMA_VERSION,
    BenchmarkFailure,
    BenchmarkReport,
    BenchmarkResult,
    Comparison,
    Interval,
    NoiseFloor,
)
from oxidizedvision.budget import budget_from, levers_from
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.target import Unavailable

Plain = Mapping[str, Any]
_Kind = TypeVar("_Kind")


def report_from(document: Plain) -> BenchmarkReport:
    """The report that `to_plain` or `--json` made a document of.

    A null is NaN again, and infinity as the end of an interval. Keys that are not known are left
    out.

    Raises:
        OxidizedVisionError: `corrupt` for what is no such document, or one of another version.
    """
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise _corrupt(f"its schema_version is {version!r}, not {SCHEMA_VERSION}")
    try:
        return _report(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _corrupt(f"{type(error).__name__}: {error}") from error


def _report(document: Plain) -> BenchmarkReport:
    errors = document.get("errors") or {}
    return _known_as(
        BenchmarkReport,
        document,
        results=tuple(_row(row) for row in document["results"]),
        unavailable=tuple(_known_as(Unavailable, row) for row in document["unavailable"]),
        failures=tuple(
            _known_as(BenchmarkFailure, row, kind=Kind(row["kind"]))
            for row in document.get("failures", ())
        ),
        noise=_with_interval(NoiseFloor, document.get("noise")),
        errors={str(name): _number(value) for name, value in errors.items()},
        budget=budget_from(document.get("budget")),
        levers=levers_from(document.get("levers")),
    )


def _row(row: Plain) -> BenchmarkResult:
    return _known_as(
        BenchmarkResult,
        row,
        p50_interval_ms=_interval(row["p50_interval_ms"]),
        percentiles_ms=_numbers(row["percentiles_ms"]),
        windows_ms=tuple(_numbers(windows) for windows in row["windows_ms"]),
        first_results_ms=_numbers(row["first_results_ms"]),
        loads_ms=_numbers(row["loads_ms"]),
        versus=_with_interval(Comparison, row.get("versus")),
    )


def _with_interval(kind: Callable[..., _Kind], document: Plain | None) -> _Kind | None:
    if document is None:
        return None
    return _known_as(kind, document, interval=_interval(document["interval"]))


def _known_as(of: Callable[..., _Kind], document: Plain, /, **read: Any) -> _Kind:
    """A dataclass of the values that were read already, and of the others as they stand."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cast("Any", of)):
        if field.name in read:
            values[field.name] = read[field.name]
        elif field.name in document:
            value = document[field.name]
            values[field.name] = _number(value) if field.type == "float" else value
    return of(**values)


def _interval(ends: Any) -> Interval:
    low, high = ends
    return (
        -math.inf if low is None else float(low),
        math.inf if high is None else float(high),
    )


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(_number(value) for value in values)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _corrupt(reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.CORRUPT,
        f"The figures of the benchmark cannot be read: {reason}",
        "Measure again with this version.",
    )
