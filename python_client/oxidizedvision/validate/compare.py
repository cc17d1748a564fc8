"""How far an output is from PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision import metrics
from oxidizedvision.core.tensors import dtype_name
from oxidizedvision.meaning import Meaning

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


@dataclass(frozen=True)
class Tolerances:
    """What counts as equal; all that are not None must hold, where the metric has a meaning."""

    mae: float | None = None
    cosine_similarity: float | None = None
    max_error: float | None = None
    sqnr_db: float | None = None
    psnr_db: float | None = None
    top1: float | None = None
    top5: float | None = None
    iou: float | None = None


@dataclass(frozen=True)
class WorstValue:
    """The place of the largest difference, and the values there. case: where it was found."""

    index: tuple[int, ...]
    expected: float
    got: float
    case: str = ""

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        return f"[{place}]: {self.got:.6g}, expected {self.expected:.6g}"


@dataclass(frozen=True)
class Metrics:
    """Distances between two arrays, computed in float64.

    sqnr_db, psnr_db: infinite where the arrays are equal. top1, top5, iou: None where they have no
    meaning, see `Meaning`. worst: None where nothing differs.
    """

    mae: float
    rmse: float
    max_error: float
    cosine_similarity: float
    sqnr_db: float | None = None
    psnr_db: float | None = None
    top1: float | None = None
    top5: float | None = None
    iou: float | None = None
    worst: WorstValue | None = None


@dataclass(frozen=True)
class Verdict:
    """One output of one case; `metrics` is None where the arrays cannot be compared at all."""

    case: str
    metrics: Metrics | None
    reason: str

    @property
    def measured(self) -> Metrics:
        """The metrics, all NaN or None where there are none."""
        return self.metrics or UNKNOWN


UNKNOWN = Metrics(math.nan, math.nan, math.nan, math.nan)

LOWER_IS_BETTER = ("mae", "rmse", "max_error")
_SAID = {
    "mae": ("MAE", ".3g", ""),
    "cosine_similarity": ("cosine similarity", ".6g", ""),
    "max_error": ("maximum error", ".3g", ""),
    "sqnr_db": ("SQNR", ".4g", " dB"),
    "psnr_db": ("PSNR", ".4g", " dB"),
    "top1": ("top-1 agreement", ".4g", ""),
    "top5": ("top-5 agreement", ".4g", ""),
    "iou": ("mask IoU", ".4g", ""),
}
_SHAPES_TELL = Meaning()


def metrics_of(expected: Array, got: Array, meaning: Meaning = _SHAPES_TELL) -> Metrics:
    """The distances between two arrays of one shape; equal infinities count as no distance.

    The cosine similarity of two zero arrays is 1, of a zero array and another one 0. Empty arrays
    are equal.
    """
    wanted, given = expected.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(wanted) & np.isfinite(given)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(finite, np.abs(wanted - given), 0.0)
    largest = float(difference.max(initial=0))
    count, scale = max(int(finite.sum()), 1), largest or 1.0
    return Metrics(
        mae=float(difference.sum() / count),
        rmse=scale * math.sqrt(float(((difference / scale) ** 2).sum() / count)),
        max_error=largest,
        cosine_similarity=metrics.cosine(wanted[finite], given[finite]),
        sqnr_db=metrics.sqnr_db(expected, got),
        psnr_db=metrics.psnr_db(expected, got),
        top1=meaning.agreement(expected, got, 1),
        top5=meaning.agreement(expected, got, 5),
        iou=meaning.overlap(expected, got),
        worst=_worst_value(wanted, given, difference) if largest > 0 else None,
    )


def _worst_value(wanted: Array, given: Array, difference: Array) -> WorstValue:
    place = tuple(int(at) for at in np.unravel_index(int(difference.argmax()), wanted.shape))
    return WorstValue(place, float(wanted[place]), float(given[place]))


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


def verdict(
    case: str,
    expected: Array,
    got: Array | None,
    tolerances: Tolerances,
    meaning: Meaning = _SHAPES_TELL,
) -> Verdict:
    """Compare one output with PyTorch's; `reason` is empty when it passes.

    It names each metric that failed with its value and limit, and the place of the largest
    difference.
    """
    reason = incomparable(expected, got)
    if reason or got is None:
        return Verdict(case, None, reason)
    found = metrics_of(expected, got, meaning)
    failed = ", ".join(broken_limits(found, tolerances))
    if failed and found.worst is not None:
        failed = f"{failed}; the largest difference is at {found.worst}"
    return Verdict(case, found, failed)


def broken_limits(found: Metrics, tolerances: Tolerances) -> list[str]:
    """Each limit that does not hold, in words."""
    broken = []
    for field in fields(tolerances):
        limit, value = getattr(tolerances, field.name), getattr(found, field.name)
        if limit is None or value is None:
            continue
        lower = field.name in LOWER_IS_BETTER
        # Written so that a NaN fails.
        if not (value <= limit if lower else value >= limit):
            name, form, unit = _SAID[field.name]
            side = "above" if lower else "below"
            broken.append(f"{name} {format(value, form)}{unit} is {side} {limit:g}{unit}")
    return broken


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdicts of all cases as one: each metric's worst, and the worst case's name and reason.

    One case that cannot be compared makes the whole incomparable.
    """
    for entry in verdicts:
        if entry.metrics is None:
            return entry
    measured = [(entry, entry.metrics) for entry in verdicts if entry.metrics is not None]
    failed = [pair for pair in measured if pair[0].reason]
    chosen, _ = max(failed or measured, key=lambda pair: pair[1].mae)
    return Verdict(chosen.case, _summary(measured), chosen.reason)


def _summary(measured: Sequence[tuple[Verdict, Metrics]]) -> Metrics:
    figures: dict[str, Any] = {}
    for field in fields(Metrics):
        if field.name != "worst":
            values = [getattr(each, field.name) for _, each in measured]
            known = sorted(value for value in values if value is not None)
            at = -1 if field.name in LOWER_IS_BETTER else 0
            figures[field.name] = known[at] if known else None
    entry, farthest = max(measured, key=lambda pair: pair[1].max_error)
    place = farthest.worst
    if place is not None:
        place = WorstValue(place.index, place.expected, place.got, entry.case)
    return Metrics(**figures, worst=place)
