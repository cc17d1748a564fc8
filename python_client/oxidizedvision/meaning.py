"""What outputs mean, which decides what metrics have a meaning for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision import metrics

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_NO_SCORES = ("image", "detection")
_NO_MASK = ("image", "detection", "classification")


@dataclass(frozen=True)
class Meaning:
    """What the model's `postprocess` tells of its outputs; where there is none, shapes tell.

    kind: of `postprocess`, empty where there is none. channels_last: whether the classes of every
    pixel are along the last axis. threshold: where a mask of one channel begins, in the output's
    own numbers; None where that is not known.
    """

    kind: str = ""
    channels_last: bool = False
    threshold: float | None = None

    def agreement(self, expected: Array, got: Array, k: int) -> float | None:
        """How often PyTorch's class is among the best `k`; None for what scores no classes.

        Classes are along the last axis of [N, C] and [N, T, C], and along axis 1 of [N, C, H, W].
        With at most `k` classes the answer would always be yes, so it is None too.
        """
        first, second = self._channels_first(expected), self._channels_first(got)
        if not self._scores(first):
            return None
        classes = first.shape[1] if first.ndim == 4 else first.shape[-1]
        return metrics.top_k_agreement(first, second, k) if classes > k else None

    def overlap(self, expected: Array, got: Array) -> float | None:
        """The intersection over union of masks; None for what is no mask [N, C, H, W]."""
        known = np.issubdtype(expected.dtype, np.floating) or expected.dtype == np.bool_
        if expected.ndim != 4 or self.kind in _NO_MASK or not known:
            return None
        first, second = self._channels_first(expected), self._channels_first(got)
        return metrics.mask_iou(first, second, self.threshold)

    def _scores(self, array: Array) -> bool:
        floating = np.issubdtype(array.dtype, np.floating)
        return bool(floating) and array.ndim in (2, 3, 4) and self.kind not in _NO_SCORES

    def _channels_first(self, array: Array) -> Array:
        return np.moveaxis(array, -1, 1) if self.channels_last and array.ndim == 4 else array


def meaning_of(postprocess: Mapping[str, Any] | None) -> Meaning:
    """From the JSON form of `postprocess`."""
    told = postprocess or {}
    kind = str(told.get("kind", ""))
    if kind != "segmentation":
        return Meaning(kind)
    return Meaning(kind, told.get("layout") == "nhwc", _threshold(told))


def _threshold(contract: Mapping[str, Any]) -> float | None:
    """The threshold as the network's own number: before the sigmoid, where there is one."""
    threshold = float(contract.get("threshold", 0.5))
    if contract.get("activation", "sigmoid") == "none":
        return threshold
    if threshold <= 0:
        return -math.inf
    return math.inf if threshold >= 1 else math.log(threshold / (1 - threshold))
