"""Each metric is what its name says, at its edges and on numbers that overflow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from oxidizedvision import metrics


def _f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_cosine_points_the_same_way_or_not() -> None:
    assert metrics.cosine(_f32(1, 2), _f32(2, 4)) == pytest.approx(1)
    assert metrics.cosine(_f32(1, 0), _f32(0, 3)) == 0
    assert metrics.cosine(_f32(1, 0), _f32(-3, 0)) == -1
    assert metrics.cosine(_f32(0, 0), _f32(0, 0)) == 1
    assert metrics.cosine(_f32(0, 0), _f32(1, 0)) == 0
    assert metrics.cosine(_f32(1, 0), _f32(math.nan, 0)) == -1


def test_sqnr_is_signal_power_over_noise_power() -> None:
    # 25 over 0.25 is 100, which is 20 dB.
    assert metrics.sqnr_db(_f32(3, 4), _f32(3.5, 4)) == pytest.approx(20)
    assert metrics.sqnr_db(_f32(3, 4), _f32(3, 4)) == math.inf
    assert metrics.sqnr_db(_f32(0, 0), _f32(0, 0)) == math.inf
    assert metrics.sqnr_db(_f32(0, 0), _f32(0, 1)) == -math.inf
    assert metrics.sqnr_db(_f32(1, 2), _f32(1, math.nan)) == -math.inf
    assert metrics.sqnr_db(_f32(1, math.inf), _f32(1, math.inf)) == math.inf


def test_psnr_is_the_range_over_the_noise() -> None:
    # The range is 10 and the mean squared error 0.01: 100 / 0.01 is 40 dB.
    expected, got = _f32(0, 10, 5, 5), _f32(0.1, 10.1, 5.1, 4.9)
    assert metrics.psnr_db(expected, got) == pytest.approx(40, abs=1e-4)
    assert metrics.psnr_db(expected, got, peak=1) == pytest.approx(20, abs=1e-4)
    assert metrics.psnr_db(_f32(5, 5), _f32(5, 6)) == -math.inf
    assert metrics.psnr_db(_f32(), _f32()) == math.inf


def test_decibels_follow_scikit_image_on_a_picture() -> None:
    measure = pytest.importorskip("skimage.metrics")
    generator = np.random.default_rng(0)
    picture = generator.random((1, 3, 16, 16)).astype(np.float32)
    noisy = picture + generator.normal(0, 0.05, picture.shape).astype(np.float32)
    wanted = measure.peak_signal_noise_ratio(picture, noisy, data_range=float(np.ptp(picture)))
    assert metrics.psnr_db(picture, noisy) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_decibels_do_not_overflow_or_vanish(scale: float) -> None:
    expected, got = np.array([3.0, 4.0]) * scale, np.array([3.5, 4.0]) * scale
    assert metrics.sqnr_db(expected, got) == pytest.approx(20)
    assert metrics.psnr_db(expected, got) == pytest.approx(10 * math.log10(1 / 0.125))
    opposite = np.array([1.7e308, 0.0])
    assert metrics.sqnr_db(opposite, -opposite) == -math.inf


def test_the_best_class_is_among_the_first() -> None:
    expected = _f32(9, 1, 2, 3, 4, 5, 0).reshape(1, 7)
    got = _f32(3, 1, 2, 9, 8, 7, 6).reshape(1, 7)
    ranks = [metrics.top_k_agreement(expected, got, k) for k in (1, 4, 5, 7)]
    assert ranks == [0, 0, 1, 1]


def test_ties_are_broken_as_argmax_breaks_them() -> None:
    tied = _f32(1, 1, 0).reshape(1, 3)
    assert metrics.top_k_agreement(_f32(1, 0, 0).reshape(1, 3), tied) == 1
    assert metrics.top_k_agreement(_f32(0, 1, 0).reshape(1, 3), tied) == 0
    assert metrics.top_k_agreement(_f32(0, 1, 0).reshape(1, 3), tied, 2) == 1


def test_classes_are_along_axis_1_of_pictures_and_else_last() -> None:
    scores = np.zeros((1, 2, 1, 4), np.float32)
    scores[0, 1, 0, :3] = 1
    other = scores.copy()
    other[0, :, 0, 0] = (1, 0)
    assert metrics.top_k_agreement(scores, other) == 0.75
    texts = np.zeros((1, 4, 2), np.float32)
    texts[0, :, 1] = 1
    swapped = texts.copy()
    swapped[0, 0] = (1, 0)
    assert metrics.top_k_agreement(texts, swapped) == 0.75
    lost = np.full((1, 3), np.nan, np.float32)
    assert metrics.top_k_agreement(_f32(0, 0, 1).reshape(1, 3), lost) == 0


def test_overlap_of_foreground() -> None:
    expected, got = _f32(0, 0.9, 0.8, 0.1), _f32(0.7, 0.9, 0.2, 0.1)
    assert metrics.mask_iou(expected, got) == pytest.approx(1 / 3)
    assert metrics.mask_iou(expected, got, threshold=0.85) == 1
    logits = _f32(-1, 3, 2, -2)
    assert metrics.mask_iou(logits, _f32(0.2, 0.3, -1, -1)) == pytest.approx(1 / 3)
    assert metrics.mask_iou(_f32(0, 0), _f32(0, 0)) == 1


def test_overlap_of_classes_is_the_mean_over_those_there_are() -> None:
    expected = np.zeros((1, 4, 1, 4), np.float32)
    expected[0, [0, 0, 1, 1], 0, [0, 1, 2, 3]] = 1
    got = np.zeros_like(expected)
    got[0, [0, 1, 1, 1], 0, [0, 1, 2, 3]] = 1
    assert metrics.mask_iou(expected, got) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert metrics.mask_iou(np.zeros((0, 3, 2, 2)), np.zeros((0, 3, 2, 2))) == 1


def test_every_name_of_the_budget_has_a_metric_and_an_ideal() -> None:
    from oxidizedvision.config.optimization import METRICS

    assert tuple(metrics.METRICS) == METRICS == tuple(metrics.IDEAL)
    array = np.random.default_rng(0).random((2, 5)).astype(np.float32)
    for name, metric in metrics.METRICS.items():
        assert metric(array, array) >= metrics.IDEAL[name] - 1e-12, name
