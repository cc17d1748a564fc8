"""The engines of OxidizedVision as one Python module."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict, final, type_check_only

from numpy.typing import NDArray

__version__: str

@type_check_only
class Backend(TypedDict):
    """One engine: its status and, where it is built in, what it can do."""

    name: str
    status: Literal["ready", "not_built", "missing"]
    version: str
    hint: str
    formats: list[str]
    devices: list[str]
    dtypes: list[str]
    precisions: list[str]
    dynamic_dims: bool
    from_bytes: bool
    prepared_format: str | None

@type_check_only
class Spec(TypedDict):
    """Name, element type and axes of one input or output."""

    name: str
    dtype: str
    dims: list[int | str]

@type_check_only
class Info(TypedDict):
    """What a loaded model is."""

    model: str
    backend: str
    backend_version: str
    inputs: list[Spec]
    outputs: list[Spec]
    threads: int
    device: str

@type_check_only
class NodeTime(TypedDict):
    """What one node of the engine's own graph took, and the nodes of the file it stands for."""

    name: str
    op_type: str
    origins: list[str]
    calls: int
    total_ms: float

class NativeError(Exception):
    """An engine refused a model or a run."""

    kind: str
    message: str
    hint: str

@final
class NativeRunner:
    """A model loaded by one engine; safe to call from many threads at once."""

    def __new__(
        cls,
        backend: str,
        model: str | os.PathLike[str] | bytes,
        *,
        name: str = "model",
        input_shapes: Mapping[str, Sequence[int]] | None = None,
        device: str = "cpu",
        threads: int | None = None,
        precision: str = "fp32",
        optimize: bool = True,
        options: Mapping[str, str] | None = None,
    ) -> NativeRunner: ...
    def info(self) -> Info: ...
    def run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]: ...
    def profile(self, inputs: dict[str, NDArray[Any]], runs: int) -> list[NodeTime] | None: ...

def prepare(
    backend: str,
    model: str | os.PathLike[str] | bytes,
    out: str | os.PathLike[str],
    *,
    name: str = "model",
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    device: str = "cpu",
    threads: int | None = None,
    precision: str = "fp32",
    optimize: bool = True,
    options: Mapping[str, str] | None = None,
) -> int: ...
def serve(settings: str, started: Callable[[str], None]) -> None: ...
def backends() -> list[Backend]: ...
