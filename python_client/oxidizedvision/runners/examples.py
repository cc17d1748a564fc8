"""Random inputs that suit a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.tensors import DTYPES

if TYPE_CHECKING:
    from oxidizedvision.config.axes import InputConfig
    from oxidizedvision.core.tensors import Array


def example_of(item: InputConfig, shape: Sequence[int], generator: np.random.Generator) -> Array:
    """A random array that suits an input: from `low` to `high`, else standard normal.

    Whole numbers and truth values are 0 or 1 where nothing is declared, which any table takes;
    bytes are 0 to 255.
    """
    kind = np.dtype(DTYPES[item.dtype])
    if np.issubdtype(kind, np.floating):
        if item.low is not None and item.high is not None:
            return generator.uniform(item.low, item.high, shape).astype(kind)
        return generator.standard_normal(shape).astype(kind)
    default = (0, 256) if item.dtype == "u8" else (0, 2)
    low, high = (
        default if item.low is None or item.high is None else (int(item.low), int(item.high))
    )
    return generator.integers(low, high, shape).astype(kind)
