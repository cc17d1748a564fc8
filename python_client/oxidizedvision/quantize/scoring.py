"""What a budget's metric makes of the outputs for one input: the worst of them counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.calibration.functions import find
from oxidizedvision.convert.user_code import user_code
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.meaning import Meaning
from oxidizedvision.metrics import METRICS

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

Arrays = Mapping[str, "Array"]
Score = Callable[[Arrays, Arrays], float]
"""Of what was expected and what was got, by output."""

_WANTS = {
    "top1": ("scores of two classes or more", "cosine or sqnr, which compare numbers"),
    "iou": ("masks [batch, channels, height, width]", "top1 for classes, or cosine or sqnr"),
}


def scorer(metric: str, folder: Path, meaning: Meaning) -> Score:
    """How a metric scores: a name of `metrics.METRICS`, or a function of the user's.

    Raises:
        OxidizedVisionError: whatever keeps a function from being found.
    """
    if metric in METRICS:
        measure = _measure(metric, meaning)
        return lambda expected, got: min(_measured(measure, expected, got), default=math.nan)
    function = find(metric, folder)

    def score(expected: Arrays, got: Arrays) -> float:
        with user_code(metric, None):
            return float(function(expected, got))

    return score


def refuse_no_meaning(metric: str, meaning: Meaning, outputs: Arrays) -> None:
    """Refuse a metric that says nothing of any output.

    Raises:
        OxidizedVisionError: `config`, with what it compares and what the outputs are.
    """
    if metric not in METRICS or _measured(_measure(metric, meaning), outputs, outputs):
        return
    wanted, instead = _WANTS[metric]
    shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in outputs.items())
    kind = f" with postprocess.kind {meaning.kind}" if meaning.kind else ""
    raise OxidizedVisionError(
        Kind.CONFIG,
        f"{metric} compares {wanted}, and the model gives none: {shapes}{kind}",
        f"Take another budget.metric: {instead}.",
    )


def refuse_no_numbers(label: str, outputs: Arrays) -> None:
    """Refuse an output of FP32 that holds nothing but NaN and infinities.

    Raises:
        OxidizedVisionError: `input`.
    """
    for name, array in outputs.items():
        floating = np.issubdtype(array.dtype, np.floating)
        if floating and array.size and not np.isfinite(array).any():
            raise OxidizedVisionError(
                Kind.INPUT,
                f"FP32 itself fails: its output {name} holds no number on {label}",
                "Mend the model, or leave out inputs that it is not made for.",
            )


def are_numbers(outputs: Arrays) -> bool:
    """Whether no output holds NaN or an infinity."""
    return all(bool(np.isfinite(array).all()) for array in outputs.values())


_Measure = Callable[["Array", "Array"], float | None]


def _measure(metric: str, meaning: Meaning) -> _Measure:
    """None where the metric has no meaning for an output."""
    if metric == "top1":
        return lambda expected, got: meaning.agreement(_batched(expected), _batched(got), 1)
    if metric == "iou":
        return lambda expected, got: meaning.overlap(_with_channel(expected), _with_channel(got))
    return METRICS[metric]


def _measured(measure: _Measure, expected: Arrays, got: Arrays) -> list[float]:
    found = (
        measure(array, got[name]) if array.shape == got[name].shape else -math.inf
        for name, array in expected.items()
    )
    return [score for score in found if score is not None]


def _batched(array: Array) -> Array:
    return np.atleast_2d(array)


def _with_channel(array: Array) -> Array:
    return array[:, None] if array.ndim == 3 else array
