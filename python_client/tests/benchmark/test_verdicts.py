"""On known distributions intervals cover what they say, and verdicts find what is there."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from oxidizedvision.benchmark.statistics import (
    LEAST_FLOOR,
    NO_DIFFERENCE,
    agree,
    compare,
    interval_of_median,
    noise_floor,
    percentiles,
    ratio,
)

TRIALS = 300
PROCESSES, WINDOWS = 5, 7
Draw = Callable[[float], list[list[float]]]


def _sampler(seed: int, by_process: float, by_window: float) -> Draw:
    """Window medians around a typical time: each process is off by chance, each window too."""
    generator = np.random.default_rng(seed)

    def draw(typical_ms: float) -> list[list[float]]:
        offsets = generator.normal(0, by_process, (PROCESSES, 1))
        noise = generator.normal(0, by_window, (PROCESSES, WINDOWS))
        return (typical_ms * np.exp(offsets + noise)).tolist()

    return draw


NOISES = [
    pytest.param(0.02, 0.0, id="processes differ"),
    pytest.param(0.0, 0.05, id="windows differ"),
    pytest.param(0.02, 0.02, id="both differ"),
]


@pytest.mark.parametrize(("by_process", "by_window"), NOISES)
def test_intervals_cover_the_truth_as_often_as_they_say(
    by_process: float, by_window: float
) -> None:
    draw = _sampler(1, by_process, by_window)
    of_ratio = of_median = 0
    for _ in range(TRIALS):
        ours, theirs = draw(8.0), draw(10.0)
        _, (low, high) = ratio(ours, theirs)
        of_ratio += low <= 1.25 <= high
        low, high = interval_of_median(ours)
        of_median += low <= 8.0 <= high
    # 95 %, give or take three standard errors of a share of 300 trials.
    assert 0.912 <= of_ratio / TRIALS <= 0.988
    assert 0.912 <= of_median / TRIALS <= 0.988


@pytest.mark.parametrize(("by_process", "by_window"), NOISES)
def test_the_same_twice_is_no_difference(by_process: float, by_window: float) -> None:
    draw = _sampler(2, by_process, by_window)
    verdicts = [compare(draw(3.0), draw(3.0), "a", LEAST_FLOOR).verdict for _ in range(TRIALS)]
    assert verdicts.count(NO_DIFFERENCE) / TRIALS >= 0.95


@pytest.mark.parametrize(("factor", "verdict"), [(1.1, "slower"), (1 / 1.1, "faster")])
def test_ten_percent_is_found(factor: float, verdict: str) -> None:
    draw = _sampler(3, 0.01, 0.03)
    found = [compare(draw(5 * factor), draw(5.0), "a", LEAST_FLOOR).verdict for _ in range(TRIALS)]
    assert found.count(verdict) / TRIALS >= 0.95
    assert found.count(verdict) + found.count(NO_DIFFERENCE) == TRIALS


def test_what_slows_both_down_falls_out_of_a_paired_ratio() -> None:
    generator = np.random.default_rng(4)
    storm = np.exp(generator.normal(0, 0.5, (PROCESSES, WINDOWS)))
    noise = np.exp(generator.normal(0, 0.01, (PROCESSES, WINDOWS)))
    slow = compare((1.1 * storm * noise).tolist(), storm.tolist(), "a", LEAST_FLOOR)
    assert slow.verdict == "slower"
    assert slow.interval[1] - slow.interval[0] < 0.05
    unpaired = compare((1.1 * storm * noise).tolist(), storm[:-1].tolist(), "a", LEAST_FLOOR)
    assert unpaired.verdict == NO_DIFFERENCE


def test_a_difference_below_the_floor_does_not_count() -> None:
    steady = [[1.0] * WINDOWS] * PROCESSES
    little = [[1.02] * WINDOWS] * PROCESSES
    assert compare(little, steady, "a", 0.01).verdict == "slower"
    assert compare(little, steady, "a", 0.03).verdict == NO_DIFFERENCE
    assert compare(steady, little, "a", 0.01).verdict == "faster"
    assert compare(steady, little, "a", 0.03).verdict == NO_DIFFERENCE


def test_one_process_is_judged_by_its_windows_and_one_window_by_nothing() -> None:
    _, (low, high) = ratio([[1.0, 1.01, 0.99]], [[2.0, 2.01, 1.99]])
    assert low < 2 < high < 2.2
    speedup, interval = ratio([[1.0]], [[2.0]])
    assert (speedup, interval) == (2.0, (0.0, math.inf))
    assert compare([[1.0]], [[2.0]], "a", 0.01).verdict == NO_DIFFERENCE


@pytest.mark.parametrize(
    ("windows", "settled"),
    [
        ([1.0, 1.0], False),
        ([1.0, 1.001, 0.999, 1.0], True),
        ([1.0, 1.001, 0.999, 1.0, 9.0], True),
        ([1.0, 2.0, 1.0, 2.0, 1.5], False),
    ],
)
def test_windows_agree_when_they_tell_the_typical_time(windows: list[float], settled: bool) -> None:
    assert agree(windows, 0.01) is settled


@pytest.mark.parametrize(("same", "floor"), [(1.0, 0.01), (1.04, 0.04), (1 / 1.04, 0.04)])
def test_the_noise_floor_is_the_same_in_both_directions(same: float, floor: float) -> None:
    assert noise_floor(same) == pytest.approx(floor)


def test_percentiles_go_from_the_least_to_the_largest() -> None:
    found = percentiles([3.0, 1.0, 2.0])
    assert (len(found), found[0], found[50], found[100]) == (101, 1.0, 2.0, 3.0)


def test_words_say_how_sure_they_are() -> None:
    steady = [[1.0] * WINDOWS] * PROCESSES
    half = [[2.0] * WINDOWS] * PROCESSES
    assert compare(half, steady, "pytorch", 0.01).words == (
        "slower: 0.50 times the speed of pytorch (0.50 to 0.50)"
    )
    assert compare(steady, steady, "pytorch", 0.01).words == (
        "no significant difference to pytorch (1.00 to 1.00)"
    )
