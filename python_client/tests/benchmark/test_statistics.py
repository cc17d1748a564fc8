"""Latency statistics of known arrays."""

from __future__ import annotations

import pytest

from oxidizedvision.benchmark.statistics import LatencyStatistics, latency_statistics


def test_one_to_a_hundred() -> None:
    found = latency_statistics([float(value) for value in range(100, 0, -1)], 4)
    assert found.avg_ms == 50.5
    assert found.p50_ms == 50.5
    assert found.p95_ms == pytest.approx(95.05)
    assert found.p99_ms == pytest.approx(99.01)
    assert found.std_ms == pytest.approx(29.011491975882016)
    assert found.throughput_per_s == pytest.approx(4 * 1000 / 50.5)


def test_one_slow_run_shows_in_the_tail_only() -> None:
    found = latency_statistics([1.0] * 99 + [101.0], 1)
    assert (found.p50_ms, found.p95_ms) == (1, 1)
    assert found.p99_ms == pytest.approx(2.0)
    assert found.avg_ms == 2


def test_a_single_run() -> None:
    assert latency_statistics([2.0], 1) == LatencyStatistics(2, 2, 2, 2, 0, 500)


def test_no_run_is_no_result() -> None:
    with pytest.raises(ValueError, match="no run"):
        latency_statistics([], 1)
