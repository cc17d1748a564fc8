"""Whether the exported files compute what PyTorch computes, at every size that they promise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config.models import INPUT_NAME
from oxidizedvision.convert.goldens import Cases
from oxidizedvision.convert.network import Network
from oxidizedvision.convert.shapes import output_names
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.onnx_file import Session, largest_difference

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_GROSS = 1e-3
"""Largest error, relative to the largest value, that rounding explains.

The tolerances of the config are for `validate`, which reports; here a wrong export is stopped.
"""

Run = Callable[["Array"], dict[str, "Array"]]


def check_parity(
    network: Network, files: tuple[Path, Path], cases: Cases, at_other_size: Array
) -> dict[str, float]:
    """Run TorchScript and ONNX on the goldens and on an input of another size.

    Gives `max_error` and `mae` of ONNX Runtime against PyTorch.

    Raises:
        OxidizedVisionError: `export` when a file computes something else, or fails.
    """
    torchscript, onnx = files
    session = Session(onnx.read_bytes(), onnx.name)
    inputs = [case[f"input/{INPUT_NAME}"] for case in cases.values()]
    if at_other_size.shape != inputs[0].shape:
        inputs.append(at_other_size)
    compared = [(array, network.run(array)) for array in inputs]
    _compare(torchscript, _traced(torchscript), compared)
    return _compare(onnx, lambda array: session.run({INPUT_NAME: array}), compared)


def _compare(file: Path, run: Run, compared: list[tuple[Array, list[Array]]]) -> dict[str, float]:
    worst, total, count = 0.0, 0.0, 0
    for array, expected in compared:
        actual = _outputs(file, run, array)
        for name, reference in zip(output_names(len(expected)), expected, strict=True):
            found = actual.get(name)
            error = float("inf") if found is None else largest_difference(reference, found)
            largest = float(np.abs(reference.astype(np.float64)).max(initial=0.0))
            if found is None or error > _GROSS * max(largest, _GROSS):
                raise _wrong(file, array, name, f"differs from PyTorch by up to {error:.3g}")
            worst = max(worst, error)
            total += float(np.abs(reference.astype(np.float64) - found.astype(np.float64)).sum())
            count += reference.size
    return {"max_error": worst, "mae": total / max(count, 1)}


def _outputs(file: Path, run: Run, array: Array) -> dict[str, Array]:
    try:
        return run(array)
    except OxidizedVisionError as error:
        raise _wrong(file, array, "the model", f"fails: {error.message}") from error


def _wrong(file: Path, array: Array, output: str, what: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.EXPORT,
        f"{file.name}: for an input of shape {list(array.shape)}, {output} {what}",
        "Tracing fixed a value that depends on the input: its size, or its content. Take the "
        "axis out of export.dynamic_axes, or write forward without int(), .item() and branches.",
    )


def _traced(file: Path) -> Run:
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit.*", DeprecationWarning)
        module = torch.jit.load(str(file))  # type: ignore[no-untyped-call]

    def run(array: Array) -> dict[str, Array]:
        try:
            with torch.no_grad():
                result = module(torch.from_numpy(np.array(array, order="C")))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise OxidizedVisionError(
                Kind.EXPORT,
                f"{file.name}: {reason}",
                "Take the axis that changed out of export.dynamic_axes.",
            ) from error
        listed = list(result) if isinstance(result, tuple | list) else [result]
        arrays = [value.numpy() for value in listed]
        return dict(zip(output_names(len(arrays)), arrays, strict=True))

    return run
