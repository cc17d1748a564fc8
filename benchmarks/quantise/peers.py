"""What others make of the same model from the same inputs.

ONNX Runtime's quantiser as its own documentation calls it, and NNCF with accuracy control.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx

from benchmarks.quantise.models import Model
from benchmarks.wheels import FetchError, with_dependencies

NNCF = "nncf==3.4.0"
PLAIN, CONTROLLED = "quantize_static", "NNCF accuracy control"
_PATIENCE_S = 900


class PeerError(Exception):
    """A peer made nothing of a model."""


class Peers:
    """The peers, of which one is installed into a folder when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def made(self, name: str, model: Model, folder: Path) -> bytes:
        """The model as a peer quantises it.

        Raises:
            PeerError: with what it said.
        """
        target = folder / f"{name.partition(' ')[0]}.onnx"
        prepared = folder / "prepared.onnx"
        if not prepared.exists():
            _prepare(model.path, prepared)
        (_plain if name == PLAIN else self._controlled)(model, prepared, target)
        return target.read_bytes()

    def _controlled(self, model: Model, prepared: Path, target: Path) -> None:
        if not self._folder.exists():
            try:
                with_dependencies(NNCF, self._folder)
            except FetchError as error:
                raise PeerError(str(error)) from error
        request = {
            "packages": str(self._folder),
            "model": str(prepared),
            "calibration": str(model.calibration),
            "judged": str(model.budget.data),
            "metric": model.budget.metric,
            "max_drop": model.budget.drop,
            "output": str(target),
        }
        command = (sys.executable, "-m", "benchmarks.quantise.nncf_worker", json.dumps(request))
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
            )
        except subprocess.TimeoutExpired as error:
            raise PeerError(f"it did not end within {_PATIENCE_S} s") from error
        if done.returncode != 0:
            raise PeerError(done.stderr.strip().splitlines()[-1] if done.stderr else "it failed")


class _Reader:
    """Inputs of an .npz file, one at a time, as ONNX Runtime reads them."""

    def __init__(self, model: Model) -> None:
        self._inputs = inputs_of(model.path, model.calibration)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._inputs, None)


def inputs_of(model: Path, arrays: Path) -> Iterator[dict[str, np.ndarray]]:
    """The inputs of a model that an .npz file holds."""
    known = {entry.name for entry in onnx.load(model, load_external_data=False).graph.input}
    found = {name: array for name, array in np.load(arrays).items() if name in known}
    for index in range(len(next(iter(found.values())))):
        yield {name: array[index : index + 1] for name, array in found.items()}


def _prepare(source: Path, target: Path) -> None:
    """Fold and infer shapes, as ONNX Runtime's documentation asks before quantising.

    Its symbolic inference, meant for transformers, fails on PP-OCR.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with _refusals():
        quant_pre_process(str(source), str(target), skip_symbolic_shape=True)


def _plain(model: Model, prepared: Path, target: Path) -> None:
    from onnxruntime.quantization import quantize_static

    with _refusals():
        quantize_static(str(prepared), str(target), _Reader(model))


@contextmanager
def _refusals() -> Iterator[None]:
    """Raises PeerError for what ONNX Runtime's tools raise, and keeps their warnings back."""
    logging.disable(logging.WARNING)
    try:
        yield
    except Exception as error:
        raise PeerError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
    finally:
        logging.disable(logging.NOTSET)
