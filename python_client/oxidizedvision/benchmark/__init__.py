"""How fast, how large and how hungry each runner is."""

from oxidizedvision.benchmark.report import (
    BenchmarkFailure,
    BenchmarkOptions,
    BenchmarkReport,
    BenchmarkResult,
)
from oxidizedvision.benchmark.verb import benchmark

__all__ = [
    "BenchmarkFailure",
    "BenchmarkOptions",
    "BenchmarkReport",
    "BenchmarkResult",
    "benchmark",
]
