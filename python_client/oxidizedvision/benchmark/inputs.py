"""The inputs that runners are timed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.shapes import checked_shapes
from oxidizedvision.core.tensors import DTYPES, Dim, TensorSpec

if TYPE_CHECKING:
    from oxidizedvision.benchmark.request import MeasureRequest
    from oxidizedvision.core.tensors import Array

_SEED = 0


def make_inputs(specs: Sequence[TensorSpec], request: MeasureRequest) -> dict[str, Array]:
    """Seeded random inputs of the shapes that `input_shapes` gives.

    Raises:
        OxidizedVisionError: as `input_shapes`.
    """
    generator = np.random.default_rng(_SEED)
    found = input_shapes(specs, request)
    return {
        spec.name: generator.standard_normal(found[spec.name]).astype(DTYPES[spec.dtype])
        for spec in specs
    }


def input_shapes(
    specs: Sequence[TensorSpec], request: MeasureRequest
) -> dict[str, tuple[int, ...]]:
    """The shapes that were asked for, else the examples', with the batch as the leading axis.

    Raises:
        OxidizedVisionError: `unknown_input` or `shape_mismatch` for an asked shape that does not
            fit the model; `shape_mismatch` when the leading axis is fixed at another length than
            the batch, or an axis has a name that nothing gives a length to.
    """
    chosen = checked_shapes(Path(request.model).name, specs, request.asked_shapes, fixed=True)
    return {
        spec.name: _shape(spec, chosen[spec.name], request.shapes, request.batch_size)
        for spec in specs
    }


def _shape(
    spec: TensorSpec, chosen: Sequence[Dim], examples: Mapping[str, list[int]], batch_size: int
) -> tuple[int, ...]:
    known = examples.get(spec.name, [])
    dims = [dim if isinstance(dim, int) else 0 for dim in chosen]
    if len(known) == len(dims):
        dims = [dim or length for dim, length in zip(dims, known, strict=True)]
    if not spec.dims:
        return ()
    if isinstance(spec.dims[0], int) and spec.dims[0] != batch_size:
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"Input {spec.name!r} is {spec.dims_text()}: its batch is fixed at {spec.dims[0]}, "
            f"{batch_size} was asked for",
            f"Use batch_size {spec.dims[0]}, or convert with a name for axis 0 in "
            "export.dynamic_axes.",
        )
    shape = (batch_size, *dims[1:])
    if 0 in shape:
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"Input {spec.name!r} is {spec.dims_text()} and nothing gives a length to its names",
            f"Give --shape {spec.name}={_example(spec)} with lengths for the names, or benchmark "
            "the config.yml or the manifest, which hold an example's shape.",
        )
    return shape


def _example(spec: TensorSpec) -> str:
    return ",".join(map(str, spec.dims))
