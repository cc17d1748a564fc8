"""How far a tensor is from its reference, and how far rounding may have taken it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.metrics import cosine, sqnr_db

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

EXACT_DB = 200.0
"""Stands for an infinite ratio where numbers must be finite."""


@dataclass(frozen=True)
class Errors:
    """The distance of one tensor from its reference.

    sqnr_db: power of the reference over that of the difference, in dB, at most `EXACT_DB`.
    cosine: cosine similarity. max_error: largest absolute difference, infinite for another shape
    or NaN. rms: root mean square of the difference; of integers and truth values the share that
    differs. noise: as `rms`, as much as rounding explains. excess: `rms` over the allowed
    multiple of `noise`; above 1 it is a fault.
    """

    sqnr_db: float
    cosine: float
    max_error: float
    rms: float
    noise: float
    excess: float

    @property
    def diverges(self) -> bool:
        """Whether rounding does not explain it."""
        return self.excess > 1


def errors_of(reference: Array, got: Array, noise: float, margin: float) -> Errors:
    """The distance, judged by the noise that is expected and the multiple of it that is allowed."""
    if reference.shape != got.shape:
        return Errors(-math.inf, 0.0, math.inf, math.inf, noise, math.inf)
    rms = distance(reference, got)
    allowed = margin * noise
    excess = 0.0 if rms == 0 else rms / allowed if allowed > 0 else math.inf
    return Errors(
        sqnr_db=min(sqnr_db(reference, got), EXACT_DB),
        cosine=cosine(reference, got),
        max_error=_largest(reference, got),
        rms=rms,
        noise=noise,
        excess=excess,
    )


def distance(reference: Array, got: Array) -> float:
    """The root mean square of the difference; of integers and truth values the share that differs.

    Infinite where one is not finite and the other is something else, or the shapes differ.
    """
    if reference.shape != got.shape:
        return math.inf
    if reference.size == 0:
        return 0.0
    if not is_float(reference):
        return float(np.mean(reference != got))
    difference = _difference(reference, got)
    if not np.isfinite(difference).all():
        return math.inf
    scale = float(np.abs(difference).max())
    return scale * math.sqrt(float(np.mean((difference / scale) ** 2))) if scale else 0.0


def rms_of(array: Array) -> float:
    """The root mean square of the finite values."""
    values = array.astype(np.float64).ravel()
    values = values[np.isfinite(values)]
    return math.sqrt(float(np.mean(values**2))) if values.size else 0.0


def is_float(array: Array) -> bool:
    """Whether the elements are floating-point numbers."""
    return bool(np.issubdtype(array.dtype, np.floating))


def relative_error(reference: Array, got: Array) -> float:
    """The largest difference over the largest value; infinite for another shape or NaN."""
    if reference.shape != got.shape:
        return math.inf
    largest = float(np.abs(reference.astype(np.float64)).max(initial=0))
    error = _largest(reference, got)
    return error / largest if largest > 0 else error


def _largest(reference: Array, got: Array) -> float:
    worst = float(np.abs(_difference(reference, got)).max(initial=0))
    return worst if math.isfinite(worst) else math.inf


def _difference(reference: Array, got: Array) -> Array:
    """In double precision; zero where both are the same infinity or NaN."""
    wanted, given = reference.astype(np.float64), got.astype(np.float64)
    same = (wanted == given) | (np.isnan(wanted) & np.isnan(given))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, given - wanted)
