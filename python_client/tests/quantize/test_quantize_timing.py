"""A smaller model's time as a share of FP32's, and which of several is the best."""

from __future__ import annotations

from functools import partial

import pytest
from made_report import row_of

from oxidizedvision.quantize.choice import _cost
from oxidizedvision.quantize.report import Timing, Trial
from oxidizedvision.quantize.search import Form
from oxidizedvision.quantize.timing import SHORT_MS, TOO_SHORT, timing_of


def test_the_ratio_is_of_times_with_its_interval_in_order() -> None:
    found = timing_of(row_of("ort", 10.0), row_of("ort", 5.0, versus=(2.0, "faster")))
    assert (found.fp32_ms, found.ms, found.verdict) == (10.0, 5.0, "faster")
    assert found.ratio == pytest.approx(0.5)
    assert found.interval == pytest.approx((1 / 2.08, 1 / 1.94))


def test_the_milliseconds_are_as_far_apart_as_the_ratio_says() -> None:
    """The ratio is of pairs in turns, and of medians over everything another one would come."""
    found = timing_of(row_of("ort", 6.82), row_of("ort", 2.62, versus=(1 / 0.31, "faster")))
    assert found.ms / found.fp32_ms == pytest.approx(found.ratio) == pytest.approx(0.31)


def pair(size: int, ratio: float, verdict: str) -> tuple[Form, Timing]:
    return Form(Trial("form"), bytes(size)), Timing(1.0, ratio, ratio, (ratio, ratio), verdict, 1)


BASE = 1000
COST = partial(_cost, BASE)


def test_the_faster_is_best_and_the_smaller_where_times_do_not_differ() -> None:
    small = pair(10, 1.02, "no significant difference")
    large = pair(20, 0.98, "no significant difference")
    fast = pair(30, 0.7, "faster")
    faster = pair(40, 0.6, "faster")
    assert sorted([large, faster, small, fast], key=COST) == [faster, fast, small, large]


@pytest.mark.parametrize(
    ("fp32_ms", "ms", "verdict"),
    [(0.02, 0.03, TOO_SHORT), (0.02, 0.2, "slower"), (0.2, 0.09, "slower"), (1.0, 1.3, "slower")],
)
def test_runs_of_no_length_are_not_compared(fp32_ms: float, ms: float, verdict: str) -> None:
    """Which of two is faster by microseconds differs from one start of a process to the next."""
    row = row_of("ort", ms, versus=(0.7, "slower"))
    assert timing_of(row_of("ort", fp32_ms), row).verdict == verdict
    assert SHORT_MS == 0.1


def test_where_times_are_too_short_the_smallest_comes_out() -> None:
    small, large = pair(10, 1.3, TOO_SHORT), pair(20, 0.7, TOO_SHORT)
    assert sorted([large, small], key=COST) == [small, large]


def test_among_alike_ones_of_one_size_the_one_that_took_less_comes_out() -> None:
    slower, sooner = pair(268, 1.02, TOO_SHORT), pair(269, 1.0, "no significant difference")
    assert sorted([slower, sooner], key=COST) == [sooner, slower]
