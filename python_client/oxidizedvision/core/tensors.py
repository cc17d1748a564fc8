"""Names and shapes of tensors: the same words as `runner_core`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
class AxisRange:
    """How long an axis with a name may be, as its model was proved; max None: no promise."""

    min: int = 0
    max: int | None = None
    multiple_of: int = 1

    def allows(self, length: int) -> bool:
        """Whether the axis may have this length."""
        within = self.min <= length and (self.max is None or length <= self.max)
        return within and length % max(1, self.multiple_of) == 0

    def __str__(self) -> str:
        ends = f"at least {self.min}" if self.max is None else f"{self.min} to {self.max}"
        return f"{ends} and a multiple of {self.multiple_of}" if self.multiple_of > 1 else ends


AXES_KEY = "oxv.axes"
"""The metadata of an ONNX file with the ranges of its axes, as JSON by the axes' names."""


def axis_ranges(values: Mapping[str, Any]) -> dict[str, AxisRange]:
    """Ranges from their JSON form, whatever else stands there.

    Raises:
        TypeError: for what is no length.
    """
    known = [part.name for part in fields(AxisRange)]
    ranges = {}
    for name, value in values.items():
        lengths = {key: value[key] for key in known if key in value}
        for key, length in lengths.items():
            if type(length) is not int and not (key == "max" and length is None):
                raise TypeError(f"{key} of {name} is {length!r}")
        ranges[name] = AxisRange(**lengths)
    return ranges


def misfit(
    spec: TensorSpec,
    shape: Sequence[int],
    lengths: dict[str, int],
    axes: Mapping[str, AxisRange],
) -> str | None:
    """Why an input of this shape does not fit, where it does not.

    lengths: those of named axes in one run, so that all of its inputs are held against each other.
    """
    expected = f"expected shape {spec.dims_text()}, got {list(shape)}"
    if len(shape) != len(spec.dims):
        return expected
    for dim, length in zip(spec.dims, shape, strict=True):
        if length != dim if isinstance(dim, int) else length == 0:
            return expected
        if isinstance(dim, int) or not is_shared(dim):
            continue
        known = lengths.setdefault(dim, length)
        if known != length:
            return f"{expected}, where {dim} is {known} already"
        if dim in axes and not axes[dim].allows(length):
            return f"{expected}, and {dim} must be {axes[dim]}"
    return None


@dataclass(frozen=True)
class ModelInfo:
    """What a loaded model is, known before its first run.

    axes: the lengths for which it was proved, by the axis' name; others may have any.
    """

    model: str
    backend: str
    backend_version: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    threads: int
    device: str
    axes: Mapping[str, AxisRange] = field(default_factory=dict)


def dtype_name(array: Array) -> str:
    """Our name of an array's element type, or NumPy's own where the contract has none."""
    return _name_of(array.dtype)


@lru_cache(maxsize=64)
def _name_of(element: dtype[Any]) -> str:
    """NumPy makes up the name anew each time, which takes longer than all other checks of a run."""
    return DTYPE_OF_NUMPY.get(element.name, element.name)
