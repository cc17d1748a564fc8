"""How far an output is from PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.tensors import dtype_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oxidizedvision.core.tensors import Array


@dataclass(frozen=True)
class Tolerances:
    """What counts as equal; both must hold."""

    mae: float
    cosine_similarity: float


@dataclass(frozen=True)
class Metrics:
    """Distances between two arrays, computed in float64."""

    mae: float
    rmse: float
    max_error: float
    cosine_similarity: float


@dataclass(frozen=True)
class Verdict:
    """One output of one case; `metrics` is None where the arrays cannot be compared at all."""

    case: str
    metrics: Metrics | None
    reason: str

    @property
    def measured(self) -> Metrics:
        """The metrics, all NaN where there are none."""
        return self.metrics or UNKNOWN


UNKNOWN = Metrics(math.nan, math.nan, math.nan, math.nan)


def metrics_of(expected: Array, got: Array) -> Metrics:
    """The distances between two arrays of one shape; equal infinities count as no distance.

    The cosine similarity of two zero arrays is 1, of a zero array and another one 0. Empty arrays
    are equal.
    """
    wanted = expected.astype(np.float64).ravel()
    given = got.astype(np.float64).ravel()
    finite = np.isfinite(wanted) & np.isfinite(given)
    wanted, given = wanted[finite], given[finite]
    if wanted.size == 0:
        return Metrics(0.0, 0.0, 0.0, 1.0)
    difference = np.abs(wanted - given)
    largest = float(difference.max())
    scale = largest or 1.0
    return Metrics(
        mae=float(difference.mean()),
        rmse=scale * math.sqrt(float(np.mean((difference / scale) ** 2))),
        max_error=largest,
        cosine_similarity=_cosine(wanted, given),
    )


def _cosine(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    largest = (float(np.abs(first).max()), float(np.abs(second).max()))
    if 0.0 in largest:
        return 1.0 if largest == (0.0, 0.0) else 0.0
    first, second = first / largest[0], second / largest[1]
    product = float(np.dot(first, second))
    return max(-1.0, min(1.0, product / float(np.linalg.norm(first) * np.linalg.norm(second))))


def incomparable(expected: Array, got: Array | None) -> str:
    """Why two arrays cannot count as equal, whatever the tolerance; empty where they may."""
    if got is None:
        return "the output is missing"
    if got.shape != expected.shape:
        return f"the shape is {list(got.shape)}, expected {list(expected.shape)}"
    if got.dtype != expected.dtype:
        return f"the type is {dtype_name(got)}, expected {dtype_name(expected)}"
    return _misplaced(expected, got) if np.issubdtype(got.dtype, np.floating) else ""


def _misplaced(expected: Array, got: Array) -> str:
    nan = int(np.isnan(got).sum())
    if nan:
        return f"{nan} of {got.size} values are NaN"
    if np.isnan(expected).any():
        return "PyTorch's own output has NaN where this one has numbers"
    infinite = np.isinf(got) | np.isinf(expected)
    if not np.array_equal(got[infinite], expected[infinite]):
        return "infinities are not where PyTorch has them"
    return ""


def verdict(case: str, expected: Array, got: Array | None, tolerances: Tolerances) -> Verdict:
    """Compare one output with PyTorch's; `reason` is empty when it passes."""
    reason = incomparable(expected, got)
    if reason or got is None:
        return Verdict(case, None, reason)
    metrics = metrics_of(expected, got)
    failed = []
    # Written so that a NaN fails.
    if not metrics.mae <= tolerances.mae:
        failed.append(f"MAE {metrics.mae:.3g} is above {tolerances.mae:g}")
    if not metrics.cosine_similarity >= tolerances.cosine_similarity:
        failed.append(
            f"cosine similarity {metrics.cosine_similarity:.6g} is below "
            f"{tolerances.cosine_similarity:g}"
        )
    return Verdict(case, metrics, ", ".join(failed))


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdicts of all cases as one: each metric's worst, and the worst case's name and reason.

    One case that cannot be compared makes the whole incomparable.
    """
    for entry in verdicts:
        if entry.metrics is None:
            return entry
    measured = [(entry, entry.metrics) for entry in verdicts if entry.metrics is not None]
    summary = Metrics(
        mae=max(metrics.mae for _, metrics in measured),
        rmse=max(metrics.rmse for _, metrics in measured),
        max_error=max(metrics.max_error for _, metrics in measured),
        cosine_similarity=min(metrics.cosine_similarity for _, metrics in measured),
    )
    failed = [pair for pair in measured if pair[0].reason]
    chosen, _ = max(failed or measured, key=lambda pair: pair[1].mae)
    return Verdict(chosen.case, summary, chosen.reason)
