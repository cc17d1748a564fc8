"""Names and shapes of tensors: the same words as `runner_core`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import dtype
    from numpy.typing import NDArray

    Array = NDArray[Any]

DTYPES = {
    "f32": "float32",
    "f16": "float16",
    "f64": "float64",
    "i8": "int8",
    "u8": "uint8",
    "i32": "int32",
    "i64": "int64",
    "bool": "bool",
}
"""Our name of each element type, and NumPy's."""

DTYPE_OF_NUMPY = {numpy: ours for ours, numpy in DTYPES.items()}

Dim = int | str
"""A fixed length, or the name of a length that may change from run to run."""


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type and axes of one input or output."""

    name: str
    dtype: str
    dims: tuple[Dim, ...]

    def dims_text(self) -> str:
        """The axes as text: `[batch, 3, 256, 256]`."""
        return f"[{', '.join(str(dim) for dim in self.dims)}]"


@dataclass(frozen=True)
class ModelInfo:
    """What a loaded model is, known before its first run."""

    model: str
    backend: str
    backend_version: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    threads: int
    device: str


def dtype_name(array: Array) -> str:
    """Our name of an array's element type, or NumPy's own where the contract has none."""
    return _name_of(array.dtype)


@lru_cache(maxsize=64)
def _name_of(element: dtype[Any]) -> str:
    """NumPy makes up the name anew each time, which takes longer than all other checks of a run."""
    return DTYPE_OF_NUMPY.get(element.name, element.name)
