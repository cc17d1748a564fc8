"""`compare`: the first layer that diverges, its own error apart from what came before it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.results import Notify, silent
from oxidizedvision.layers.comparison import Comparison
from oxidizedvision.layers.engines import REFERENCE, SECONDS, Engine
from oxidizedvision.layers.limits import OutputLimits
from oxidizedvision.layers.report import LayerReport
from oxidizedvision.layers.sides import Side, engine_of, side_of

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


def compare(
    reference: str | Path | Side,
    candidate: str | Path | Side,
    inputs: Mapping[str, Array],
    *,
    engine: str | Engine = "onnxruntime",
    full: bool = False,
    tolerance: float | None = None,
    limits: OutputLimits | None = None,
    notify: Notify = silent,
) -> LayerReport:
    """Find the first layer in which a model differs from a reference by more than rounding.

    Tensors of the two meet by name; one that the candidate quantises, or casts to half precision
    and back, is compared with the tensor that it stands for. Each layer's own error is that of
    its nodes when they are given the reference's inputs.

    Args:
        reference: An ONNX file, which ONNX Runtime runs without its optimisation, or a `Side`.
        candidate: An ONNX file, which may be the same one, or a `Side`.
        inputs: Arrays by name, of shapes that both take.
        engine: What runs a candidate that is a file.
        full: Measure every layer; else look for the first that diverges, and measure it.
        tolerance: The largest difference of an output over its largest value. None takes `limits`.
        limits: What outputs are held to. None takes `validate`'s defaults of the candidate's
            precision, and for FP32 a `tolerance` of `TOLERANCE`.
        notify: Told what is being run.

    Raises:
        OxidizedVisionError: a file that cannot be read, an input that is missing, an engine that
            is not here, or a reference that does not run. A candidate that does not run is a
            finding: see `LayerReport.failure`.
    """
    sides = side_of(reference, REFERENCE), side_of(candidate, engine_of(engine, SECONDS))
    comparison = Comparison(*sides, inputs, limits if tolerance is None else tolerance, notify)
    return comparison.full() if full else comparison.bisected()
