"""Scores from a network's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


def activated(values: Array, activation: str) -> Array:
    """`none`, `sigmoid`, or `softmax` over the last axis, in double precision."""
    values = values.astype(np.float64)
    if activation == "sigmoid":
        with np.errstate(over="ignore"):
            return 1.0 / (1.0 + np.exp(-values))
    if activation == "softmax" and values.size:
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
    return values


def best_first(scores: Array) -> Array:
    """The order of falling scores; of equal ones the first comes first."""
    return np.argsort(-scores, kind="stable")
