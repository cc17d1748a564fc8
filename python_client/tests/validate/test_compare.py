"""The metrics are what their names say, and nothing that is wrong can pass."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from oxidizedvision.validate.compare import (
    Metrics,
    Tolerances,
    Verdict,
    WorstValue,
    incomparable,
    metrics_of,
    verdict,
    worst,
)

LOOSE = Tolerances()
ONES = np.ones((2, 2), np.float32)


def _f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_known_distances() -> None:
    metrics = metrics_of(_f32(0, 0, 3, 4), _f32(0, 2, 3, 0))
    assert metrics.mae == 1.5
    assert metrics.rmse == pytest.approx(math.sqrt(5))
    assert metrics.max_error == 4
    assert metrics.cosine_similarity == pytest.approx(9 / (5 * math.sqrt(13)))


@pytest.mark.parametrize(
    ("first", "second", "cosine"),
    [((0, 0), (0, 0), 1), ((0, 0), (1, 0), 0), ((1, 0), (-2, 0), -1), ((), (), 1)],
)
def test_cosine_at_its_edges(
    first: tuple[float, ...], second: tuple[float, ...], cosine: float
) -> None:
    assert metrics_of(_f32(*first), _f32(*second)).cosine_similarity == cosine


def test_distances_do_not_overflow_or_lose_small_numbers() -> None:
    huge = metrics_of(np.array([1e300]), np.array([-1e300]))
    assert (huge.rmse, huge.cosine_similarity) == (2e300, -1)
    tiny = metrics_of(_f32(1e-40), _f32(3e-40))
    assert tiny.cosine_similarity == pytest.approx(1)
    assert tiny.rmse == pytest.approx(2e-40, rel=1e-4)


def test_float16_is_compared_in_float64() -> None:
    many = np.full(4096, 60000, np.float16)
    metrics = metrics_of(many, many)
    assert (metrics.mae, metrics.cosine_similarity) == (0, pytest.approx(1))


@pytest.mark.parametrize(
    ("expected", "got", "says"),
    [
        (ONES, None, "missing"),
        (ONES, ONES[:1], "shape"),
        (ONES, ONES.ravel(), "shape"),
        (ONES, ONES.astype(np.float64), "type is f64, expected f32"),
        (_f32(1, 2), _f32(1, math.nan), "1 of 2 values are NaN"),
        (_f32(1, math.nan), _f32(1, math.nan), "NaN"),
        (_f32(1, math.nan), _f32(1, 2), "PyTorch's own"),
        (_f32(1, 2), _f32(1, math.inf), "infinities"),
        (_f32(1, math.inf), _f32(1, 2), "infinities"),
        (_f32(1, math.inf), _f32(1, -math.inf), "infinities"),
    ],
)
def test_what_cannot_be_equal_fails_at_any_tolerance(
    expected: np.ndarray, got: np.ndarray | None, says: str
) -> None:
    assert says in incomparable(expected, got)
    found = verdict("case", expected, got, LOOSE)
    assert found.reason
    assert found.metrics is None


def test_infinities_in_the_same_places_are_equal() -> None:
    found = verdict("c", _f32(1, math.inf), _f32(1, math.inf), Tolerances(0, 1))
    equal = Metrics(0, 0, 0, 1, sqnr_db=math.inf, psnr_db=math.inf)
    assert (found.reason, found.metrics) == ("", equal)


def test_integers_and_booleans_are_compared_as_numbers() -> None:
    assert metrics_of(np.array([True, False]), np.array([True, True])).mae == 0.5
    assert metrics_of(np.array([250], np.uint8), np.array([5], np.uint8)).mae == 245


def test_both_tolerances_must_hold() -> None:
    expected, got = _f32(1, 1), _f32(1.5, 0.5)
    assert not verdict("c", expected, got, Tolerances(0.5, 0.89)).reason
    assert "MAE" in verdict("c", expected, got, Tolerances(0.49, 0.89)).reason
    assert "cosine" in verdict("c", expected, got, Tolerances(0.5, 0.9)).reason
    both = verdict("c", expected, got, Tolerances(0, 1)).reason
    assert "MAE" in both
    assert "cosine" in both


def test_the_worst_case_is_taken_metric_by_metric() -> None:
    at_a, at_c = WorstValue((0, 1), 1.0, 1.2), WorstValue((3,), 1.0, 0.4)
    rows = [
        Verdict("a", Metrics(0.1, 0.9, 0.2, 0.99, 40, 50, 1, None, 0.9, at_a), ""),
        Verdict("b", Metrics(0.3, 0.4, 0.1, 0.97, 50, 30, None, None, 0.8, None), ""),
        Verdict("c", Metrics(0.2, 0.5, 0.6, 0.5, 45, 45, 0.5, None, 0.7, at_c), "too far"),
    ]
    first = Metrics(0.3, 0.9, 0.2, 0.97, 40, 30, 1, None, 0.8, replace(at_a, case="a"))
    assert worst(rows[:2]) == Verdict("b", first, "")
    both = Metrics(0.3, 0.9, 0.6, 0.5, 40, 30, 0.5, None, 0.7, replace(at_c, case="c"))
    assert worst(rows) == Verdict("c", both, "too far")
    broken = Verdict("d", None, "NaN")
    assert worst([*rows, broken]) == broken
    assert math.isnan(broken.measured.mae)
