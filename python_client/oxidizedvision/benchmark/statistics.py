"""What run times say: summaries, confidence intervals, and verdicts.

A sample is one list of window medians for each process, in milliseconds. Processes are the unit
of every interval: what a process is given by chance (where its memory lies, say) stays the same in
all its windows, so more windows cannot average it away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oxidizedvision.benchmark.report import Comparison, Interval

Sample = Sequence[Sequence[float]]
Floats = NDArray[np.float64]

LEAST_FLOOR = 0.01
"""Differences below one percent are nobody's reason to change an engine."""
NO_DIFFERENCE = "no significant difference"
_RESAMPLES = 1000
_SEED = 0
# Student's t at 97.5 % for 1, 2, 3 … degrees of freedom.
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_NORMAL = 1.960


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


def interval_of_median(sample: Sample) -> Interval:
    """95 % confidence interval of the typical run time, in milliseconds."""
    centre, half = _interval([math.log(_median(windows)) for windows in _units(sample)])
    return math.exp(centre - half), math.exp(centre + half)


def ratio(sample: Sample, reference: Sample) -> tuple[float, Interval]:
    """The reference's typical run time over this one's, and its 95 % confidence interval.

    Where both were measured in turns (as many processes, and as many windows in each), each window
    is compared with the one beside it, so that what slowed both down falls out.
    """
    if _paired(sample, reference):
        logs = [
            _median(np.log(np.asarray(theirs) / np.asarray(ours)))
            for ours, theirs in zip(_units(sample), _units(reference), strict=True)
        ]
        centre, half = _interval(logs)
    else:
        ours, ours_half = _interval([math.log(_median(part)) for part in _units(sample)])
        theirs, theirs_half = _interval([math.log(_median(part)) for part in _units(reference)])
        centre, half = theirs - ours, math.hypot(ours_half, theirs_half)
    return math.exp(centre), (math.exp(centre - half), math.exp(centre + half))


def compare(sample: Sample, reference: Sample, name: str, floor: float) -> Comparison:
    """The verdict: a difference counts when its whole interval is beyond the noise floor.

    Args:
        sample: Window medians by process.
        reference: Those of what it is compared with.
        name: What that is called.
        floor: Relative differences up to it are noise.
    """
    speedup, (low, high) = ratio(sample, reference)
    verdict = NO_DIFFERENCE
    if low > 1 + floor:
        verdict = "faster"
    elif high < 1 / (1 + floor):
        verdict = "slower"
    return Comparison(name, speedup, (low, high), verdict)


def noise_floor(same: float) -> float:
    """The floor that a ratio of a candidate to itself allows."""
    return max(LEAST_FLOOR, abs(math.expm1(abs(math.log(same)))))


def agree(windows: Sequence[float], tolerance: float) -> bool:
    """Whether the windows of a process tell their typical time within a relative tolerance.

    The standard error of the median of the windows is taken from their spread between the
    quartiles, which a single slow window does not change.
    """
    if len(windows) < _LEAST_WINDOWS:
        return False
    low, middle, high = np.percentile(np.asarray(windows), [25, 50, 75])
    error = 0.93 * (high - low) / math.sqrt(len(windows))
    return bool(error <= tolerance * middle)


_LEAST_WINDOWS = 3


def percentiles(latency_ms: Sequence[float]) -> tuple[float, ...]:
    """The distribution in 101 values, from the least to the largest."""
    return tuple(float(value) for value in np.percentile(np.asarray(latency_ms), range(101)))


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half of its 95 % interval, by a bootstrap with the correction for few values.

    The bootstrap's standard error is too small by sqrt((n - 1) / n), and few values want Student's
    t in place of the normal distribution (Hesterberg, What Teachers Should Know About the
    Bootstrap, 2015, sections 3.2 and 5.3).
    """
    data = np.asarray(values, np.float64)
    count = len(data)
    centre = float(data.mean())
    if count < _LEAST_VALUES:
        return centre, math.inf
    error = _bootstrap_error(data, lambda drawn: drawn.mean(axis=1))
    student = _STUDENT[count - 2] if count - 2 < len(_STUDENT) else _NORMAL
    return centre, student * error * math.sqrt(count / (count - 1))


_LEAST_VALUES = 2


def _bootstrap_error(data: Floats, statistic: Callable[[Floats], Floats]) -> float:
    generator = np.random.default_rng(_SEED)
    drawn = generator.choice(data, (_RESAMPLES, len(data)))
    return float(statistic(drawn).std(ddof=1))


def _units(sample: Sample) -> list[Sequence[float]]:
    """What is drawn anew: processes, or the windows where there was only one process."""
    units = [windows for windows in sample if len(windows)]
    return units if len(units) > 1 else [[window] for window in units[0]]


def _paired(one: Sample, other: Sample) -> bool:
    return [len(windows) for windows in one] == [len(windows) for windows in other]


def _median(values: Sequence[float] | Floats) -> float:
    return float(np.median(np.asarray(values)))
