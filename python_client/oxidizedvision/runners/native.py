"""The engines behind the Rust contract, through the extension module `oxidizedvision_native`.

`tch` has a module of its own, `oxidizedvision_native_tch`: it is linked to LibTorch, which the
others neither need nor load.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import INSTALL, require
from oxidizedvision.core.tensors import ModelInfo
from oxidizedvision.runners.base import (
    Availability,
    NodeTime,
    Runner,
    RunnerConfig,
    info_from_dict,
    node_times_from_dicts,
)
from oxidizedvision.runners.libraries import package_folder, prepare
from oxidizedvision.runners.request import check_types

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

MODULES = {engine.name: engine.module for engine in NATIVE_ENGINES}
"""The extension module of each engine."""

TORCH = "2.13"
"""The release of torch that `tch` is built with."""

_MOST_AXES = 32
"""The rank of arrays that the module can read; NumPy's own limit is higher."""

_USED_IN: dict[str, int] = {}
"""The process that first loaded a model into an engine whose threads are the process's own."""

HINTS = {
    Kind.NOT_FOUND: "Check the path and the current folder.",
    Kind.UNREADABLE: "Check that it is a file, its permissions, and that its external data lies "
    "beside it.",
    Kind.CORRUPT: "Run `oxidizedvision convert` again, or fetch the file again.",
    Kind.UNSUPPORTED: "Use another runner, such as onnxruntime, or export at another opset.",
    Kind.DEVICE_UNAVAILABLE: "Use device cpu, or a runner that drives this device: "
    "`oxidizedvision backends` lists them.",
    Kind.BACKEND_UNAVAILABLE: "`oxidizedvision backends` shows which runners are ready.",
    Kind.INVALID_OPTION: "Leave the option out, or give it a value of the kind named.",
    Kind.SHAPE_MISMATCH: "`oxidizedvision info` lists names, types and shapes.",
    Kind.DTYPE_MISMATCH: "Convert the array with astype; `oxidizedvision info` lists the types.",
    Kind.MISSING_INPUT: "`oxidizedvision info` lists the inputs.",
    Kind.UNKNOWN_INPUT: "`oxidizedvision info` lists the inputs.",
    Kind.DUPLICATE_INPUT: "Give every input once.",
    Kind.NOT_SINGLE: "Use run_named with a dictionary of arrays.",
    Kind.ENGINE_FAILED: "Try another runner on the same input; if that works, report this one.",
    Kind.FILE_SYSTEM: "Check permissions and free space, or choose another folder.",
    Kind.PANICKED: "This is a fault of the engine: try another runner, and please report it.",
}
"""The next step for every kind of error that the module raises."""


class NativeRunner(Runner):
    """A model in one of the Rust engines. It may be run from several threads at once."""

    def __init__(self, name: str, config: RunnerConfig) -> None:
        check_types(config)
        _refuse_after_fork(name)
        self._module = _module(name)
        self._process = os.getpid()
        with _errors_of(self._module, config):
            self._runner = self._module.NativeRunner(name, _content(config), **_settings(config))
        self._info = info_from_dict(self._runner.info())
        _refuse_high_ranks(self._info)

    @property
    def info(self) -> ModelInfo:
        return self._info

    def _run(self, inputs: dict[str, Array]) -> dict[str, Array]:
        arrays = self._arrays(inputs)
        try:
            outputs: dict[str, Array] = self._runner.run(arrays)
        except self._module.NativeError as error:
            raise _translated(error) from error
        return outputs

    def _profile(self, inputs: dict[str, Array], runs: int) -> tuple[NodeTime, ...] | None:
        arrays = self._arrays(inputs)
        try:
            nodes = self._runner.profile(arrays, runs)
        except self._module.NativeError as error:
            raise _translated(error) from error
        return node_times_from_dicts(nodes)

    def _arrays(self, inputs: dict[str, Array]) -> dict[str, Array]:
        if self._process != os.getpid():
            raise _forked(f"{self._info.model} was loaded into {self._info.backend}")
        return {name: _native_order(array) for name, array in inputs.items()}


def _content(config: RunnerConfig) -> str | bytes:
    return config.model if isinstance(config.model, bytes) else os.fspath(config.model)


def _settings(config: RunnerConfig) -> dict[str, Any]:
    """The keyword arguments of the module, the model apart."""
    return {
        # A file's name need not be text.
        "name": config.model_name.encode(errors="replace").decode(),
        "input_shapes": {key: list(shape) for key, shape in config.input_shapes.items()},
        "device": config.device,
        "threads": config.threads,
        "precision": config.precision,
        "optimize": config.optimize,
        "options": dict(config.options),
    }


@contextmanager
def _errors_of(module: Any, config: RunnerConfig) -> Iterator[None]:
    """Turn the module's errors into typed ones."""
    try:
        yield
    except module.NativeError as error:
        raise _translated(error) from error
    except OverflowError as error:  # a number beyond what the module's own types hold
        raise OxidizedVisionError(
            Kind.INVALID_OPTION,
            f"{config.model_name}: a length of an input shape or the count of threads is too "
            f"large or negative: {error}",
            HINTS[Kind.INVALID_OPTION],
        ) from error


def _refuse_high_ranks(info: ModelInfo) -> None:
    for spec in (*info.inputs, *info.outputs):
        if len(spec.dims) > _MOST_AXES:
            raise OxidizedVisionError(
                Kind.UNSUPPORTED,
                f"{info.model}: {spec.name!r} has {len(spec.dims)} axes, arrays cross to "
                f"{info.backend} with at most {_MOST_AXES}",
                "Reshape within the network.",
            )


def _refuse_after_fork(name: str) -> None:
    """Refuse an engine that would wait, without end, for threads that a fork did not copy."""
    forks = next(engine.forks for engine in NATIVE_ENGINES if engine.name == name)
    if not forks and _USED_IN.setdefault(name, os.getpid()) != os.getpid():
        raise _forked(f"{name} was used")


def _forked(what: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.BACKEND_UNAVAILABLE,
        f"{what} in the process that this one was forked from, whose threads a fork does not copy",
        "Load the model in the process that runs it, and start processes by multiprocessing's "
        "`spawn` method.",
    )


def load(name: str, config: RunnerConfig) -> Runner:
    """Load a model into the Rust engine of this name.

    Raises:
        OxidizedVisionError: `dependency_missing` without the extension module, else the engine's
            kind.
    """
    return NativeRunner(name, config)


def prepare_model(name: str, config: RunnerConfig, out: Path) -> int:
    """Write a model as the Rust engine of this name prepares it, and give the file's length.

    Raises:
        OxidizedVisionError: as `load`, `unsupported` where the engine cannot, or `file_system`.
    """
    _refuse_after_fork(name)
    module = _module(name)
    with _errors_of(module, config):
        size: int = module.prepare(name, _content(config), os.fspath(out), **_settings(config))
    return size


def check(name: str) -> Availability:
    """Whether the Rust engine of this name can be used here."""
    module = MODULES[name]
    if name == "tch":
        return _check_tch(module)
    try:
        row = _row(name)
    except ImportError as error:
        return Availability("missing", hint=f"Install {module} ({error}): {INSTALL[module]}")
    if row is None:
        return Availability("not_built", hint=f"Rebuild {module}: {INSTALL[module]}")
    return Availability(row["status"], version=row["version"], hint=row["hint"])


def _check_tch(module: str) -> Availability:
    """Whether LibTorch and the module that was built for it are there: loading them takes seconds.

    The module runs beside the release of torch that it was built with, and beside no other.
    """
    if package_folder("torch") is None:
        return Availability("missing", hint=f"Install it: {INSTALL['torch']}")
    if package_folder(module) is None:
        return Availability("not_built", hint=f"Build {module}: {INSTALL[module]}")
    version = metadata.version("torch")
    if not version.startswith(f"{TORCH}."):
        hint = f"It needs torch {TORCH}, this is {version}: pip install 'torch=={TORCH}.*'"
        return Availability("missing", hint=hint)
    return Availability("ready", version=version)


def devices(name: str) -> tuple[str, ...]:
    """The devices that the engine can drive here; none where it is not ready."""
    return _listed(name, "devices")


def dtypes(name: str) -> tuple[str, ...]:
    """The element types that the engine takes and gives; none where it is not there."""
    return _listed(name, "dtypes")


def precisions(name: str) -> tuple[str, ...]:
    """The precisions that the engine can be asked for; none where it is not there."""
    return _listed(name, "precisions")


def _module(name: str) -> Any:
    prepare(name)
    return require(MODULES[name], f"the runner {name}")


def _listed(name: str, key: str) -> tuple[str, ...]:
    try:
        row = _row(name)
    except ImportError:
        return ()
    return tuple(row[key]) if row else ()


def _row(name: str) -> dict[str, Any] | None:
    prepare(name)
    rows = importlib.import_module(MODULES[name]).backends()
    return next((row for row in rows if row["name"] == name), None)


def _native_order(array: Array) -> Array:
    """The array in this machine's byte order, which is the only one that engines read."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _translated(error: Any) -> OxidizedVisionError:
    kind = Kind(error.kind)
    return OxidizedVisionError(kind, error.message, HINTS.get(kind, ""))
