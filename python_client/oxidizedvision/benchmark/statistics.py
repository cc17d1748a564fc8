"""What a list of run times says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LatencyStatistics:
    """Milliseconds of one run; throughput in inputs per second."""

    avg_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    std_ms: float
    throughput_per_s: float


def latency_statistics(latency_ms: Sequence[float], batch_size: int) -> LatencyStatistics:
    """Summarise run times, each of a whole batch.

    Percentiles are interpolated linearly between the two nearest runs; the standard deviation is
    the sample's (n - 1), 0 for a single run; throughput is the batch over the average.

    Raises:
        ValueError: when there are no times.
    """
    if not latency_ms:
        raise ValueError("no run was timed")
    times = np.asarray(latency_ms, np.float64)
    p50, p95, p99 = (float(value) for value in np.percentile(times, [50, 95, 99]))
    average = float(times.mean())
    return LatencyStatistics(
        avg_ms=average,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        std_ms=float(times.std(ddof=1)) if times.size > 1 else 0.0,
        throughput_per_s=batch_size * 1000 / average if average > 0 else 0.0,
    )
