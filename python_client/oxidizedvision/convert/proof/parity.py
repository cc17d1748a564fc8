"""Whether an exported file computes what PyTorch computes, on every input that was tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.convert.network import Arrays
from oxidizedvision.convert.proof.sweep import Trial
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.onnx_file import largest_difference
from oxidizedvision.runners.torch_outputs import leaves

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_GROSS = 1e-3
"""Largest error, relative to the largest value, that rounding explains.

The tolerances of the config are for `validate`, which reports; here a wrong export is stopped.
"""

_GROSS_OF_HALF = 2e-2
"""The same where numbers have 11 bits."""

Run = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Parity:
    """How far a file is from PyTorch.

    trials: how many agree. worst, mae: largest and mean absolute error of these. failed: the
    first that does not, None where all do; reason says how, `ran` whether it gave an answer.
    """

    trials: int
    worst: float
    mae: float
    failed: Trial | None = None
    reason: str = ""
    ran: bool = True

    @property
    def passed(self) -> bool:
        """Whether every trial agrees."""
        return self.failed is None


def measure(run: Run, trials: Sequence[Trial]) -> Parity:
    """Compare until the first trial that disagrees.

    Errors are relative to the largest value of the trial's output or of the first trial's: a
    network that normalises makes noise of rounding where its input is constant.
    """
    worst, total, count = 0.0, 0.0, 0
    usual = {name: _largest(array) for name, array in trials[0].expected.items()} if trials else {}
    for number, trial in enumerate(trials):
        mae = total / max(count, 1)
        try:
            actual = run(trial.inputs)
        except OxidizedVisionError as error:
            return Parity(number, worst, mae, trial, error.message, ran=False)
        for name, expected in trial.expected.items():
            found = actual.get(name)
            if found is None:
                return Parity(number, worst, mae, trial, f"{name} is missing")
            error_of = largest_difference(expected, found)
            largest = max(_largest(expected), usual.get(name, 0.0))
            gross = _GROSS_OF_HALF if expected.dtype == np.float16 else _GROSS
            if error_of > gross * max(largest, gross):
                reason = _told(name, expected, found, error_of)
                return Parity(number, worst, mae, trial, reason)
            worst = max(worst, error_of)
            total += float(np.abs(expected.astype(np.float64) - found.astype(np.float64)).sum())
            count += expected.size
    return Parity(len(trials), worst, total / max(count, 1))


def _largest(array: Array) -> float:
    return float(np.abs(array.astype(np.float64)).max(initial=0.0))


def _told(name: str, expected: Array, found: Array, error: float) -> str:
    if expected.shape != found.shape:
        return f"{name} is {list(found.shape)}, PyTorch's is {list(expected.shape)}"
    if expected.dtype != found.dtype:
        return f"{name} is {found.dtype}, PyTorch's is {expected.dtype}"
    return f"{name} differs from PyTorch by up to {error:.3g}"


def torchscript(file: Path, inputs: Sequence[str], outputs: Sequence[str]) -> Run:
    """A TorchScript file as something to run; read here, since it was written here."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit.*", DeprecationWarning)
        module = torch.jit.load(str(file))  # type: ignore[no-untyped-call]

    def run(arrays: Arrays) -> Arrays:
        tensors = [torch.from_numpy(np.array(arrays[name], order="C")) for name in inputs]
        try:
            with torch.no_grad():
                found = [value.numpy() for _, value in leaves(module(*tensors))]
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise OxidizedVisionError(
                Kind.EXPORT,
                f"{file.name}: {reason}",
                "Take the axis that changed out of export.dynamic_axes.",
            ) from error
        return dict(zip(outputs, found, strict=True))

    return run
