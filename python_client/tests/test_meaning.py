"""Shares of classes and overlaps are told where outputs are scores or masks, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from oxidizedvision.meaning import Meaning, meaning_of
from oxidizedvision.validate.compare import metrics_of


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "top1", "top5", "iou"),
    [
        ((2, 10), True, True, False),
        ((2, 5), True, False, False),
        ((2, 1), False, False, False),
        ((2, 7, 10), True, True, False),
        ((1, 3, 4, 5), True, False, True),
        ((1, 6, 4, 5), True, True, True),
        ((1, 1, 4, 5), False, False, True),
        ((8,), False, False, False),
        ((1, 2, 3, 4, 5), False, False, False),
    ],
)
def test_shapes_tell(shape: tuple[int, ...], top1: bool, top5: bool, iou: bool) -> None:
    found = metrics_of(_noise(*shape), _noise(*shape))
    assert (found.top1, found.top5, found.iou) == tuple(
        1.0 if known else None for known in (top1, top5, iou)
    )


@pytest.mark.parametrize(
    ("kind", "top1", "iou"),
    [
        ("image", False, False),
        ("detection", False, False),
        ("segmentation", True, True),
        ("classification", True, False),
        ("raw", True, True),
    ],
)
def test_postprocess_tells_more(kind: str, top1: bool, iou: bool) -> None:
    picture = _noise(1, 3, 4, 5)
    found = metrics_of(picture, picture, meaning_of({"kind": kind}))
    assert (found.top1 is not None, found.iou is not None) == (top1, iou)


def test_whole_numbers_are_no_scores() -> None:
    ids = np.zeros((1, 4), np.int64)
    assert metrics_of(ids, ids).top1 is None
    assert metrics_of(ids.reshape(1, 1, 2, 2), ids.reshape(1, 1, 2, 2)).iou is None


def test_classes_may_be_last() -> None:
    expected = _noise(1, 4, 5, 3)
    got = expected.copy()
    best = expected[0, 0, 0].argmax()
    got[0, 0, 0, (best + 1) % 3] = 9
    found = metrics_of(expected, got, Meaning("segmentation", channels_last=True))
    assert found.top1 == pytest.approx(19 / 20)
    assert found.iou is not None
    assert found.iou < 1


@pytest.mark.parametrize(
    ("contract", "threshold"),
    [
        ({}, 0.0),
        ({"threshold": 0.8}, math.log(4)),
        ({"threshold": 0.3, "activation": "none"}, 0.3),
        ({"threshold": 1.0}, math.inf),
    ],
)
def test_the_threshold_is_in_the_outputs_own_numbers(
    contract: dict[str, float], threshold: float
) -> None:
    found = meaning_of({"kind": "segmentation", **contract}).threshold
    assert found == pytest.approx(threshold)
