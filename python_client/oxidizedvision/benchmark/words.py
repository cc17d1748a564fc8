"""What a benchmark found, in words: verdicts, noise floor, machine, and what to beware of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from oxidizedvision.benchmark.report import (
    MUCH_DISTURBED,
    BenchmarkReport,
    BenchmarkResult,
    Comparison,
    Interval,
    NoiseFloor,
)
from oxidizedvision.benchmark.statistics import LEAST_FLOOR

NOTHING = "–"
_MOST_NAMES = 5


def ms_text(value: float) -> str:
    """Milliseconds, without their unit, in about three digits; a dash where not known."""
    if not math.isfinite(value):
        return NOTHING
    if value < 1:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def interval_text(interval: Interval) -> str:
    """Both ends in milliseconds: `3.10 to 3.19`; a dash where one process allows none."""
    low, high = interval
    return f"{ms_text(low)} to {ms_text(high)}" if math.isfinite(high) else NOTHING


def times_text(value: float) -> str:
    """A ratio of speeds: `1.52`."""
    if not math.isfinite(value):
        return NOTHING
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def times_interval_text(interval: Interval) -> str:
    """Both ends of a ratio's interval: `1.48 to 1.56`."""
    low, high = interval
    return f"{times_text(low)} to {times_text(high)}" if math.isfinite(high) else NOTHING


def memory_text(mib: float) -> str:
    """Mebibytes without their unit; a dash where the system does not tell."""
    return f"{mib:.0f}" if math.isfinite(mib) else NOTHING


def verdict_text(row: BenchmarkResult) -> str:
    """`faster`, `slower`, `no significant difference` or `the reference`."""
    return row.versus.verdict if row.versus else "the reference"


def comparison_of(report: BenchmarkReport) -> Comparison | None:
    """Any row's comparison: all have the same reference."""
    return next((row.versus for row in report.results if row.versus), None)


def noise_text(noise: NoiseFloor | None) -> str:
    """The noise floor as sentences; what is missing where only one process was asked for."""
    if noise is None:
        return (
            "Noise floor: not measured. It takes a reference that runs and at least two processes "
            "of each row."
        )
    low, high = noise.interval
    interval = f" (95 % interval {low:.3f} to {high:.3f})" if math.isfinite(high) else ""
    return (
        f"Noise floor: {noise.name} measured a second time, as if it were another row, has "
        f"{noise.ratio:.3f} times its own speed{interval}. Differences up to {noise.floor:.1%} "
        "are never called significant."
    )


def machine_text(machine: Mapping[str, Any]) -> str:
    """The machine in a line: processor, features, processors granted, load."""
    parts = [str(machine.get("cpu") or "unknown processor")]
    if flags := machine.get("flags"):
        parts.append(" ".join(flags))
    if granted := machine.get("threads_granted"):
        parts.append(f"{granted} of {machine.get('cores', granted)} processors granted")
    if machine.get("governor"):
        parts.append(f"governor {machine['governor']}")
    if machine.get("load_average") is not None:
        parts.append(f"load average {machine['load_average']:g}")
    return f"Machine: {', '.join(parts)}."


def cautions(report: BenchmarkReport) -> list[str]:
    """What makes rows less sure than the others, and what to do about it."""
    found = []
    if unsettled := [row.name for row in report.results if not row.settled]:
        found.append(
            f"Not settled: {_list(unsettled)}. The windows or processes still differed when the "
            "time for measuring was used up, so the interval is wide. Use a quieter machine, or "
            "more --processes."
        )
    disturbed = [row for row in report.results if (row.disturbed or 0.0) > MUCH_DISTURBED]
    if disturbed:
        names = _list([f"{row.name} ({row.disturbed:.0%} of the time)" for row in disturbed])
        found.append(
            f"Disturbed: {names}. Threads were ready to run and waited for a processor that "
            "something else had, so the figures are too slow. End what else runs, or use fewer "
            "--threads, and measure again."
        )
    if apart := [row for row in report.results if _contradicts(row, report)]:
        found.append(
            f"Medians and ratios differ: {_list([row.name for row in apart])}. p50 is over all "
            "runs of a row, the ratio is of windows of both side by side, so that what slowed the "
            "machine down for a while is in the one and not in the other. Go by the ratio."
        )
    return found


def _contradicts(row: BenchmarkResult, report: BenchmarkReport) -> bool:
    """Whether the two medians are in a ratio that the interval of the measured one excludes."""
    reference = next((one for one in report.results if one.versus is None), None)
    if row.versus is None or reference is None or not math.isfinite(row.versus.interval[1]):
        return False
    low, high = row.versus.interval
    floor = 1 + (report.noise.floor if report.noise else LEAST_FLOOR)
    per_input = reference.p50_ms / reference.batch_size, row.p50_ms / row.batch_size
    medians = per_input[0] / per_input[1] if per_input[1] else math.inf
    return not low / floor <= medians <= high * floor


def _list(names: list[str]) -> str:
    """Names in a sentence, not too many; those of a sweep hold commas themselves."""
    more = len(names) - _MOST_NAMES
    shown = [*names[:_MOST_NAMES], f"and {more} more"] if more > 0 else names
    return "; ".join(shown)
