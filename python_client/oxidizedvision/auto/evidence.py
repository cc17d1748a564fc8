"""The figures behind a choice, and in words why it won."""

from __future__ import annotations

import math
from collections.abc import Mapping

from oxidizedvision.auto.goals import Goal
from oxidizedvision.auto.report import ChoiceRow
from oxidizedvision.auto.sizes import Key, Shipped
from oxidizedvision.auto.stages import SHORT, Measured, row_text
from oxidizedvision.benchmark.report import BenchmarkResult
from oxidizedvision.benchmark.statistics import LEAST_FLOOR
from oxidizedvision.core.text import size_text

_DISTURBED = 0.1


def rows_of(
    goal: Goal, found: Measured, sizes: Mapping[Key, Shipped], precision: str
) -> tuple[ChoiceRow, ...]:
    """Every candidate that was measured, the chosen one first.

    precision: of rows without a variant, the model's first form.
    """
    best = found.results[0]
    rows = [
        _row(goal, row, found.stage, sizes, precision, None if row is best else best)
        for row in found.results
    ]
    rows += [_row(goal, row, SHORT, sizes, precision, None) for row in found.short]
    return tuple(rows)


def _row(
    goal: Goal,
    row: BenchmarkResult,
    stage: str,
    sizes: Mapping[Key, Shipped],
    precision: str,
    best: BenchmarkResult | None,
) -> ChoiceRow:
    advantage = interval = None
    if best is not None:
        advantage, span = goal.advantage(best, row)
        interval = (_known(span[0]), _known(span[1])) if goal.spread else None
    return ChoiceRow(
        name=row_text(row),
        runner=row.runner,
        engine_version=row.engine_version,
        device=row.device,
        threads=row.threads,
        batch_size=row.batch_size,
        precision=row.variant or precision,
        stage=stage,
        figure=goal.figure(row),
        unit=goal.unit,
        p50_ms=row.p50_ms,
        p50_interval_ms=(_known(row.p50_interval_ms[0]), _known(row.p50_interval_ms[1])),
        throughput_per_s=row.throughput_per_s,
        first_result_ms=row.first_result_ms,
        peak_rss_mib=_known(row.peak_rss_mib),
        shipped_bytes=sizes[row.runner, row.variant].bytes,
        settled=row.settled,
        disturbed=row.disturbed,
        advantage=advantage,
        interval=interval,
    )


def reason_of(goal: Goal, found: Measured, sizes: Mapping[Key, Shipped]) -> str:
    """Why the first won, against the next."""
    parts = [_size_words(found.results[0], sizes)] if goal.name == "size" else []
    return "; ".join([*parts, _against_the_next(goal, found)])


def disturbance(best: BenchmarkResult) -> tuple[str, ...]:
    """A note where the machine did other work meanwhile."""
    if best.disturbed is None or best.disturbed < _DISTURBED:
        return ()
    waited = f"{best.disturbed:.2f} s of waiting for a processor in each second measured"
    return (f"the machine was busy: {waited}; --remeasure when it is quiet",)


def _against_the_next(goal: Goal, found: Measured) -> str:
    if len(found.results) == 1:
        return "no other candidate is left"
    best, following = found.results[:2]
    other = f"the next, {row_text(following)}"
    times, (low, high) = goal.advantage(best, following)
    span = f" ({low:.2f} to {high:.2f})" if goal.spread and math.isfinite(high) else ""
    if goal.spread and low <= 1 + LEAST_FLOOR:
        return f"no significant difference to {other}{span}; {_tie(best, following, times)}"
    if abs(times - 1) <= LEAST_FLOOR:
        return f"as good as {other}; {_tie(best, following, times)}"
    return goal.better.format(times=f"{times:.2f}", other=other) + span


def _tie(best: BenchmarkResult, following: BenchmarkResult, times: float) -> str:
    """What told apart two that are as good."""
    fewer = times <= 1 and best.threads < following.threads
    return "fewer threads" if fewer else "the best measured"


def _size_words(best: BenchmarkResult, sizes: Mapping[Key, Shipped]) -> str:
    own = sizes[best.runner, best.variant]
    uncounted = f" without {own.uncounted}, whose size is not known" if own.uncounted else ""
    return f"{size_text(own.bytes)} to ship{uncounted}"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
