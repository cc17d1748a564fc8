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
"""A fixed length, or the name of a length that may change from run to run.

Axes of one name have one length in a run, where `is_shared` says that it is a name.
"""


def is_shared(name: str) -> bool:
    """Whether axes of this name have one length; `?`, `-1` and the like are no names.

    A name has a letter or an underscore, and is not what exporters write for Python's None.
    """
    return name.lower() != "none" and any(char.isalpha() or char == "_" for char in name)


def axis(tensor: str, index: int, declared: object) -> Dim:
    """An axis as a file declares it; where that is neither length nor name, one of its own."""
    if isinstance(declared, int) and declared >= 0:
        return declared
    if isinstance(declared, str) and is_shared(declared):
        return declared
    return f"{tensor}_{index}"


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
