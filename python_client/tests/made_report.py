"""Benchmark reports with figures that were made up, for what shows them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from oxidizedvision.benchmark.report import (
    BenchmarkReport,
    BenchmarkResult,
    Comparison,
    NoiseFloor,
)

MACHINE: dict[str, Any] = {
    "cpu": "Some CPU",
    "architecture": "x86_64",
    "cores": 8,
    "threads_granted": 4,
    "flags": ["avx2", "fma"],
    "governor": None,
    "load_average": 0.25,
    "memory_mib": 16000,
    "os": "Linux 6",
    "versions": {"numpy": "2.0"},
}


def row_of(runner: str, p50_ms: float = 10.0, **known: Any) -> BenchmarkResult:
    """A row whose figures follow from its median; `versus` is (speedup, verdict) or None."""
    batch = known.get("batch_size", 1)
    versus = known.pop("versus", None)
    figures: dict[str, Any] = {
        "name": runner,
        "runner": runner,
        "engine_version": "1.2",
        "device": "cpu",
        "threads": 2,
        "batch_size": batch,
        "iterations": 50,
        "processes": 5,
        "avg_ms": p50_ms * 1.02,
        "p50_ms": p50_ms,
        "p50_interval_ms": (p50_ms * 0.98, p50_ms * 1.03),
        "p95_ms": p50_ms * 1.2,
        "p99_ms": p50_ms * 1.4,
        "std_ms": p50_ms * 0.05,
        "throughput_per_s": batch * 1000 / p50_ms if p50_ms else 0.0,
        "load_ms": 12.0,
        "first_ms": p50_ms * 2,
        "first_result_ms": 12.0 + p50_ms * 2,
        "peak_rss_mib": 80.0,
        "model_bytes": 92_800,
        "settled": True,
        "disturbed": 0.001,
        "percentiles_ms": tuple(p50_ms * (0.9 + 0.002 * n + (n > 97) * 0.2) for n in range(101)),
        "windows_ms": ((p50_ms, p50_ms * 1.01),) * 5,
        "first_results_ms": (12.0 + p50_ms * 2,) * 5,
        "loads_ms": (12.0,) * 5,
    }
    if versus is not None:
        speedup, verdict = versus
        ends = (speedup * 0.97, speedup * 1.04)
        figures["versus"] = Comparison("pytorch", speedup, ends, verdict)
    return BenchmarkResult(**{**figures, **known})


def report_of(*rows: BenchmarkResult, **known: Any) -> BenchmarkReport:
    """A report on rows, with a noise floor of 1 %."""
    empty = BenchmarkReport(
        schema_version=2,
        model="net",
        model_sha256="0123456789abcdef" * 4,
        machine=MACHINE,
        results=rows,
        unavailable=(),
        noise=NoiseFloor("pytorch", 1.004, (0.995, 1.012), 0.01),
    )
    return dataclasses.replace(empty, **known)


def three_rows() -> tuple[BenchmarkResult, ...]:
    """The reference, a faster one and one that is as fast."""
    return (
        row_of("pytorch", 20.0),
        row_of("ort", 8.0, versus=(2.5, "faster")),
        row_of("rten", 20.1, versus=(0.995, "no significant difference")),
    )


def sweep_rows(runners: int = 3) -> tuple[BenchmarkResult, ...]:
    """Runners at three batches, named as a sweep names them."""
    return tuple(
        row_of(
            f"runner{number}",
            (5.0 + number) * batch**0.9,
            name=f"runner{number}, batch {batch}",
            batch_size=batch,
        )
        for number in range(runners)
        for batch in (1, 4, 8)
    )


INFINITE = (0.0, math.inf)
"""The interval of a single process with a single window."""
