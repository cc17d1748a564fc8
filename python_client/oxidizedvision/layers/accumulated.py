"""The error of every layer in a run of the whole candidate, against what rounding adds up to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.layers.measures import errors_of
from oxidizedvision.layers.noise import (
    noise_between,
    shaken_inputs,
    with_coarse_values,
)
from oxidizedvision.runners.target import UNAVAILABLE_KINDS

if TYPE_CHECKING:
    from oxidizedvision.core.manifest import Precision
    from oxidizedvision.core.tensors import Array
    from oxidizedvision.layers.local import Bench
    from oxidizedvision.layers.report import Layer
    from oxidizedvision.layers.sides import Runs


@dataclass(frozen=True)
class Trace:
    """Tensors of the reference in one run, and what rounding makes of them."""

    values: dict[str, Array]
    moved: dict[str, Array]


def traced(
    runs: Runs, wanted: Sequence[str], inputs: Mapping[str, Array], precision: Precision
) -> Trace:
    """Run the reference, and once more as this precision is at best.

    Of FP32 that is a run on shaken inputs: all that comes after rounds otherwise then.
    """
    if precision == "fp32":
        values, moved = runs.values(wanted, [inputs, shaken_inputs(inputs, precision)])
        return Trace(values, moved)
    (values,) = runs.values(wanted, [inputs])
    return Trace(values, _coarse(runs, wanted, inputs, precision))


def _coarse(
    runs: Runs, wanted: Sequence[str], inputs: Mapping[str, Array], precision: Precision
) -> dict[str, Array]:
    """Tensors in a coarser precision; none where the engine cannot do that."""
    rounded = {name for name, dtype in runs.graph.dtypes.items() if dtype == "float32"}
    rounded &= {*runs.graph.tensors}
    found: dict[str, Array] = {}
    for part in runs.chunks(wanted):
        model = with_coarse_values(runs.graph.with_outputs(part), precision, rounded)
        try:
            found |= runs.run(model, [inputs])[0]
        except OxidizedVisionError as error:
            if error.kind in UNAVAILABLE_KINDS:
                raise
    return found


def measure_accumulated(
    bench: Bench,
    layers: Sequence[Layer],
    got: Mapping[str, Array],
    trace: Trace,
    precision: Precision,
) -> list[Layer]:
    """The layers with their accumulated errors.

    Args:
        bench: What they are compared with.
        layers: Those to measure.
        got: The candidate's tensors in a run of the whole.
        trace: The reference's.
        precision: The coarsest of the candidate.
    """
    margin = bench.margin(precision)
    measured = []
    for layer in layers:
        if layer.tensor in got:
            reference = bench.values[layer.stands_for]
            noise = noise_between(reference, trace.moved.get(layer.stands_for), precision)
            errors = errors_of(reference, got[layer.tensor], noise, margin)
            measured.append(dataclasses.replace(layer, accumulated=errors))
        else:
            measured.append(layer)
    return measured
