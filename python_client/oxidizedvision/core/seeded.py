"""Random inputs that are the same at every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import DTYPES, TensorSpec

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_SEED = 0
_LENGTH = 64


def seeded_inputs(
    specs: tuple[TensorSpec, ...], shapes: Mapping[str, Sequence[int]]
) -> dict[str, Array]:
    """The same random inputs at every call, of the shapes known for them.

    Without a known shape a named axis has length 1 where it leads, and 64 elsewhere. Whole
    numbers and truth values are 0 or 1, which suit indices of any table.
    """
    generator = np.random.default_rng(_SEED)
    inputs = {}
    for spec in specs:
        shape = shapes.get(spec.name) or [
            dim if isinstance(dim, int) else (_LENGTH if axis else 1)
            for axis, dim in enumerate(spec.dims)
        ]
        kind = np.dtype(DTYPES[spec.dtype])
        floating = np.issubdtype(kind, np.floating)
        try:
            draw = generator.standard_normal if floating else partial(generator.integers, 0, 2)
            inputs[spec.name] = np.asarray(draw(size=shape)).astype(kind)
        except (MemoryError, OverflowError, ValueError) as error:
            raise OxidizedVisionError(
                Kind.INPUT,
                f"no random input {spec.name!r} of the shape {list(shape)} can be made: {error}",
                "Give the model smaller axes, or symbolic ones.",
            ) from error
    return inputs
