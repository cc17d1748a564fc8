"""The inputs that runners are timed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import DTYPES, TensorSpec

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_SEED = 0


def make_inputs(
    specs: tuple[TensorSpec, ...], shapes: dict[str, list[int]], batch_size: int
) -> dict[str, Array]:
    """Seeded random inputs of the examples' shapes, with the batch in place of the leading axis.

    Raises:
        OxidizedVisionError: `shape_mismatch` when the leading axis is fixed at another length.
    """
    generator = np.random.default_rng(_SEED)
    found = input_shapes(specs, shapes, batch_size)
    return {
        spec.name: generator.standard_normal(found[spec.name]).astype(DTYPES[spec.dtype])
        for spec in specs
    }


def input_shapes(
    specs: tuple[TensorSpec, ...], shapes: dict[str, list[int]], batch_size: int
) -> dict[str, tuple[int, ...]]:
    """The shapes of `make_inputs`.

    Raises:
        OxidizedVisionError: as `make_inputs`.
    """
    return {spec.name: _shape(spec, shapes, batch_size) for spec in specs}


def _shape(spec: TensorSpec, shapes: dict[str, list[int]], batch_size: int) -> tuple[int, ...]:
    known = shapes.get(spec.name, [])
    dims = [dim if isinstance(dim, int) else 0 for dim in spec.dims]
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
            "Benchmark the config.yml or the manifest, which hold an example's shape.",
        )
    return shape
