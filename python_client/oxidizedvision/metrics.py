"""How far two arrays are apart, or how often they say the same; more is better for all of these.

All are computed in float64. Infinities and NaN count as wrong unless both arrays have them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oxidizedvision.core.tensors import Array

Metric = Callable[["Array", "Array"], float]
"""Of what was expected and what was got."""


def cosine(expected: Array, got: Array) -> float:
    """The cosine similarity: 1 where both point the same way; of two zero arrays 1."""
    first, second = _pair(expected, got)
    largest = float(np.abs(first).max(initial=0)), float(np.abs(second).max(initial=0))
    if not all(map(math.isfinite, largest)):
        return -1.0
    if 0.0 in largest:
        return 1.0 if largest == (0.0, 0.0) else 0.0
    first, second = first / largest[0], second / largest[1]
    # The root of the product, not the product of roots: of equal arrays it is exactly 1.
    norms = math.sqrt(float(first @ first) * float(second @ second))
    return max(-1.0, min(1.0, float(first @ second) / norms))


def sqnr_db(expected: Array, got: Array) -> float:
    """The signal-to-quantisation-noise ratio in dB; infinite where the arrays are equal.

    It is the power of what was expected over that of the difference.
    """
    wanted, given = _pair(expected, got)
    return _decibels(_level_db(wanted), _level_db(_difference(wanted, given)))


def psnr_db(expected: Array, got: Array, peak: float | None = None) -> float:
    """The peak signal-to-noise ratio in dB; infinite where the arrays are equal.

    Args:
        expected: The reference.
        got: What is compared with it, of the same shape.
        peak: The largest value that there can be less the smallest; None takes the reference's.
    """
    wanted, given = _pair(expected, got)
    if peak is None:
        peak = float(_difference(wanted.max(), wanted.min())) if wanted.size else 0.0
    return _decibels(_level_db(np.array([peak])), _level_db(_difference(wanted, given)))


def top_k_agreement(expected: Array, got: Array, k: int = 1) -> float:
    """How often the class that was expected first is among the first k that were got, 0 to 1.

    Classes are along the second axis of four, of pictures of scores, else along the last.
    """
    wanted, given = _classes_last(expected), _classes_last(got)
    if wanted.size == 0:
        return 1.0
    best = wanted.argmax(axis=-1)
    scores = np.where(np.isnan(given), -np.inf, given)
    # How many classes are better than the expected one: ties are broken as argmax breaks them.
    own = np.take_along_axis(scores, best[..., None], axis=-1)
    order = np.arange(scores.shape[-1])
    better = (scores > own) | ((scores == own) & (order < best[..., None]))
    return float(np.mean(better.sum(axis=-1) < k))


def mask_iou(expected: Array, got: Array, threshold: float | None = None) -> float:
    """Intersection over union of masks, 0 to 1; of two empty masks 1.

    Pictures with several channels are scores of classes: the mean over the classes that either
    has. Else values above the threshold are the mask.

    Args:
        expected: [batch, channels, height, width], or one channel of any shape.
        got: Of the same shape.
        threshold: None is 0.5 where all that was expected lies in 0 to 1, else 0.
    """
    if expected.size == 0:
        return 1.0
    if expected.ndim == 4 and expected.shape[1] > 1:
        wanted, given = expected.argmax(axis=1), got.argmax(axis=1)
        classes = np.union1d(wanted, given)
        return float(np.mean([_overlap(wanted == index, given == index) for index in classes]))
    if threshold is None:
        threshold = 0.5 if expected.min() >= 0 and expected.max() <= 1 else 0.0
    return _overlap(expected > threshold, got > threshold)


METRICS: dict[str, Metric] = {
    "cosine": cosine,
    "sqnr": sqnr_db,
    "psnr": psnr_db,
    "top1": top_k_agreement,
    "iou": mask_iou,
}
"""By the names of `budget.metric`."""

IDEAL = {"cosine": 1.0, "sqnr": 60.0, "psnr": math.inf, "top1": 1.0, "iou": 1.0}
"""What FP32 has against itself; of sqnr what 32 bits are good for in practice."""


def _pair(expected: Array, got: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both flat, without the places where both are the same infinity or NaN."""
    wanted = expected.astype(np.float64).ravel()
    given = got.astype(np.float64).ravel()
    same = (wanted == given) | (np.isnan(wanted) & np.isnan(given))
    keep = np.isfinite(wanted) | ~same
    return wanted[keep], given[keep]


def _difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(first - second)


def _level_db(values: NDArray[np.float64]) -> float:
    """The mean power in dB, without overflow: minus infinity of nothing, infinity of NaN."""
    largest = float(np.abs(values).max(initial=0))
    if largest == 0:
        return -math.inf
    if not math.isfinite(largest):
        return math.inf
    power = float(np.mean((values / largest) ** 2))
    return 20 * math.log10(largest) + 10 * math.log10(power)


def _decibels(signal: float, noise: float) -> float:
    """The distance of two levels in dB: infinite without noise, minus infinity at its worst."""
    if noise == -math.inf:
        return math.inf
    if math.inf in (noise, signal):
        return -math.inf
    return signal - noise


def _classes_last(scores: Array) -> Array:
    return np.moveaxis(scores, 1, -1) if scores.ndim == 4 else np.atleast_1d(scores)


def _overlap(first: Array, second: Array) -> float:
    union = int(np.logical_or(first, second).sum())
    return 1.0 if union == 0 else int(np.logical_and(first, second).sum()) / union
