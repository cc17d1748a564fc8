"""When a change is one, and when it is a regression.

Of a time that was measured in several processes (latency, load, first result), the ratio of the
later to the earlier one has a 95 % interval: both sides' own intervals together, never paired,
since the two were not measured in turns. Its **noise** is the larger of

- the relative half width of that interval: what chance gave the processes of both sides, and
- for latency, the larger of the two A/A noise floors: what one candidate differed from itself.

A time is `worse` or `better` when its whole interval lies beyond the A/A floor (1 % at least), as
in the benchmark's own verdicts. It is a **regression** when it is worse and its change is beyond
max(floor, k × noise). The noise enters with k because a half width is itself an estimate from a few
processes, because a comparison has dozens of figures of which at 95 % one in forty would be a false
alarm, and because two sittings differ by more than either of them shows: with k = 2 the change must
be as large as about four standard errors.

Where nothing tells the noise, and for what has none (bytes, errors), the floor alone decides. A
load that was timed once only is never a regression: it cannot be told from chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from oxidizedvision.benchmark.statistics import LEAST_FLOOR, interval_of_median
from oxidizedvision.diff.report import Interval, Verdict

Sample = Sequence[Sequence[float]]

BETTER: Verdict = "better"
WORSE: Verdict = "worse"
SAME: Verdict = "no significant difference"


@dataclass(frozen=True)
class Judgement:
    """A change: `ratio` is after over before; `limit` the relative change that is too much."""

    ratio: float
    interval: Interval | None
    limit: float
    verdict: Verdict

    @property
    def beyond(self) -> bool:
        """Whether it is worse by more than the limit."""
        return self.verdict == WORSE and self.ratio > 1 + self.limit


def timed(before: Sample, after: Sample, *, floor: float, k: float, same: float = 0.0) -> Judgement:
    """Judge a time by its values in every process of both sides, in milliseconds.

    Args:
        before: Medians of windows, or single values, by process.
        after: Those of the later side.
        floor: The relative change that nobody minds.
        k: How many times its noise a change must be.
        same: The larger A/A noise floor; 0 where there is none.
    """
    ratio, half = unpaired(before, after)
    significant = max(same, LEAST_FLOOR)
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    limit = max(floor, k * max(_relative(half), same)) if k > 0 else floor
    verdict = SAME
    if low > 1 + significant:
        verdict = WORSE
    elif high < 1 / (1 + significant):
        verdict = BETTER
    return Judgement(ratio, (low, high), limit, verdict)


def floored(before: float, after: float, *, floor: float, noise: float = 0.0) -> Judgement:
    """Judge two values whose noise nobody measured: beyond the floor, or k × noise, is worse."""
    ratio, limit = _ratio(before, after), max(floor, noise)
    verdict = SAME
    if ratio > 1 + limit:
        verdict = WORSE
    elif ratio < 1 / (1 + limit):
        verdict = BETTER
    return Judgement(ratio, None, limit, verdict)


def exact(before: float, after: float, *, floor: float) -> Judgement:
    """Judge two values without noise: any change is one."""
    verdict = SAME if after == before else WORSE if after > before else BETTER
    return Judgement(_ratio(before, after), None, floor, verdict)


def unpaired(before: Sample, after: Sample) -> tuple[float, float]:
    """The ratio of two typical times, after over before, and half its interval as a logarithm."""
    ratio = typical(after) / typical(before)
    return ratio, math.hypot(_half(before), _half(after))


def typical(sample: Sample) -> float:
    """The typical time: the geometric mean of the processes' medians, in milliseconds."""
    logs = [math.log(_median(windows)) for windows in _units(sample)]
    return math.exp(math.fsum(logs) / len(logs))


def usable(sample: Sample) -> bool:
    """Whether there is something in it, of which logarithms may be taken."""
    return bool(sample) and all(
        len(windows) > 0 and all(value > 0 for value in windows) for windows in sample
    )


def _half(sample: Sample) -> float:
    _, high = interval_of_median(sample)
    return math.inf if math.isinf(high) else max(0.0, math.log(high / typical(sample)))


def _units(sample: Sample) -> list[Sequence[float]]:
    """Processes, or the windows where there was only one process."""
    return list(sample) if len(sample) > 1 else [[window] for window in sample[0]]


def _relative(half: float) -> float:
    return math.inf if math.isinf(half) else math.expm1(half)


def _ratio(before: float, after: float) -> float:
    if before > 0:
        return after / before
    return 1.0 if after == before else math.inf


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
