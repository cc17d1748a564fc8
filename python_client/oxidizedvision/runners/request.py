"""What the Python engines check of a `RunnerConfig` before they load anything."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners.base import RunnerConfig

_DEVICE = re.compile(r"cpu|cuda(?::(\d+))?")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


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
        OxidizedVisionError: `invalid_option`.
    """
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
    if config.threads is not None and config.threads < 1:
        raise OxidizedVisionError(
            Kind.INVALID_OPTION, f"threads cannot be {config.threads}", "Use 1 or more."
        )


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
