"""What the Python engines check of a `RunnerConfig` before they load anything."""

from __future__ import annotations

import math
import numbers
import os
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners.base import RunnerConfig

_DEVICE = re.compile(r"cpu|cuda(?::(\d+))?")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_MOST_THREADS = 1024
"""As in `runner_core`."""


def granted_threads() -> int:
    """Processors that this process may use: by its affinity and by its control group."""
    if hasattr(os, "sched_getaffinity"):
        granted = len(os.sched_getaffinity(0))
    else:
        granted = os.cpu_count() or 1
    return max(1, min(granted, _cgroup_processors(granted)))


def _cgroup_processors(default: int) -> int:
    try:
        quota, period = _CGROUP_LIMIT.read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no control group, or no limit ("max")
        return default


def cuda_index(device: str) -> int | None:
    """The index of a CUDA device; None for `cpu`.

    Raises:
        OxidizedVisionError: `invalid_option` for any other text.
    """
    match = _DEVICE.fullmatch(device)
    if match is None:
        raise OxidizedVisionError(
            Kind.INVALID_OPTION, f"Unknown device {device!r}", "Use cpu, cuda or cuda:N."
        )
    return None if device == "cpu" else int(match.group(1) or 0)


def no_device(engine: str, device: str, reason: str) -> OxidizedVisionError:
    """The error for a device that cannot be had."""
    return OxidizedVisionError(
        Kind.DEVICE_UNAVAILABLE,
        f"{engine} cannot run on {device}: {reason}",
        "Use --device cpu, or use_cuda: false in the config.",
    )


def refuse_unknown(engine: str, config: RunnerConfig, known: tuple[str, ...] = ()) -> None:
    """Refuse options that the engine does not have, and precisions that it cannot choose.

    Raises:
        OxidizedVisionError: `invalid_option`; also what `check_types` raises.
    """
    check_types(config)
    for name in config.options:
        if name not in known:
            has = f"knows {', '.join(known)}" if known else "has no options"
            raise OxidizedVisionError(
                Kind.INVALID_OPTION, f"{engine} has no option {name!r}", f"{engine} {has}."
            )
    if config.precision != "fp32":
        raise OxidizedVisionError(
            Kind.INVALID_OPTION,
            f"{engine} cannot choose the precision {config.precision!r}",
            "It computes in the types that the model's file has: use fp32.",
        )
    if config.threads is not None and not 1 <= config.threads <= _MOST_THREADS:
        raise OxidizedVisionError(
            Kind.INVALID_OPTION,
            f"threads cannot be {reprlib.repr(config.threads)}",
            f"Use 1 to {_MOST_THREADS}.",
        )


def check_types(config: RunnerConfig) -> None:
    """Refuse settings of other types than `RunnerConfig` declares.

    Raises:
        OxidizedVisionError: `usage` for the model, `invalid_option` for the rest.
    """
    model: Any = config.model
    if not isinstance(model, Path | bytes):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"The model cannot be a {type(model).__name__}",
            "Give its path as a Path, or its content as bytes.",
        )
    for setting, value, expected in _mistyped(config):
        raise OxidizedVisionError(
            Kind.INVALID_OPTION,
            f"{config.model_name}: {setting} cannot be {reprlib.repr(value)}: expected {expected}",
            "docs/python.md lists the settings with their types.",
        )


def _mistyped(config: RunnerConfig) -> Iterator[tuple[str, Any, str]]:
    """Every setting of another type, with its value and what it should be."""
    for setting in ("device", "precision", "name"):
        value = getattr(config, setting)
        if not _is_text(value):
            yield setting, value, "text"
    threads: Any = config.threads
    if threads is not None and not _is_whole(threads):
        yield "threads", threads, "a whole number or None"
    if not isinstance(config.optimize, bool):
        yield "optimize", config.optimize, "True or False"
    options: Any = config.options
    if not isinstance(options, Mapping):
        yield "options", options, "a dictionary"
    elif not all(map(_is_text, [*options, *options.values()])):
        yield "options", options, "texts by name, such as {'num_streams': '2'}"
    shapes: Any = config.input_shapes
    if not isinstance(shapes, Mapping) or not all(map(_is_text, shapes)):
        yield "input_shapes", shapes, "a dictionary of shapes by name"
    elif not all(map(_is_shape, shapes.values())):
        yield "input_shapes", shapes, "shapes of whole numbers"


def _is_text(value: Any) -> bool:
    """Whether it is text that any engine can be given: half a surrogate pair is none."""
    return isinstance(value, str) and value == value.encode(errors="ignore").decode()


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_shape(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(_is_whole, value))


def checked_file(path: Path) -> Path:
    """A model's file that is there and can be read.

    Raises:
        OxidizedVisionError: `not_found` or `unreadable`.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        # Opening a pipe waits for its other end, perhaps forever.
        raise OxidizedVisionError(
            Kind.UNREADABLE,
            f"{path} is a pipe or a device and no file",
            "Give the path of a readable file.",
        )
    try:
        with path.open("rb"):
            return path
    except FileNotFoundError as error:
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no model {path}", "Check the path, or run convert first."
        ) from error
    except OSError as error:
        raise OxidizedVisionError(
            Kind.UNREADABLE, f"{path}: {error.strerror}", "Give the path of a readable file."
        ) from error


def fixed_specs(
    specs: tuple[TensorSpec, ...], shapes: Mapping[str, tuple[int, ...]], model: str
) -> tuple[TensorSpec, ...]:
    """The inputs with the shapes that were asked for in place of their symbols.

    Raises:
        OxidizedVisionError: `shape_mismatch` for a shape or a name that the model does not have.
    """
    names = [spec.name for spec in specs]
    for name in shapes:
        if name not in names:
            raise OxidizedVisionError(
                Kind.SHAPE_MISMATCH, f"{model}: there is no input {name!r}", f"Known: {names}."
            )
    return tuple(
        _fixed(spec, tuple(shapes[spec.name]), model) if spec.name in shapes else spec
        for spec in specs
    )


def _fixed(spec: TensorSpec, shape: tuple[int, ...], model: str) -> TensorSpec:
    fits = len(shape) == len(spec.dims) and all(
        length > 0 and (isinstance(dim, str) or dim == length)
        for dim, length in zip(spec.dims, shape, strict=True)
    )
    if not fits:
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"{model}: input {spec.name!r} is {spec.dims_text()} and cannot be {list(shape)}",
            "Give a length for each axis; fixed ones cannot change.",
        )
    return TensorSpec(spec.name, spec.dtype, shape)
