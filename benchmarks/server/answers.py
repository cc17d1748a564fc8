"""Whether a server's answers are those of `oxidizedvision predict`; nothing else is timed."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from oxidizedvision.postprocess import Classification, Picture, Prediction
from oxidizedvision.predict.contract import contract_of_model
from oxidizedvision.predict.pictures import picture_input, prediction_of
from oxidizedvision.preprocess import read_picture
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.table import load_runner

SCORE_TOLERANCE = 0.01
PIXEL_TOLERANCE = 2
"""Of 255: JPEG decoders differ by a step, and the network passes it on."""
MEAN_TOLERANCE = 2
"""Of 255, in the mean of a picture, where the network does not compute in FP32."""
_CLASS = re.compile(rb'class_id\\*": ?\d+')


class AnswerError(Exception):
    """A server answers something else than the reference."""


def references(model: Path, pictures: Sequence[Path]) -> list[Prediction]:
    """What the model says of pictures, by the functions of `predict` and ONNX Runtime."""
    with load_runner("onnxruntime", RunnerConfig(model)) as runner:
        contract = contract_of_model(model, runner, None)
        found = []
        for path in pictures:
            put_in = picture_input(read_picture(path), runner.info.inputs[0], contract)
            outputs = runner.run_named(put_in.tensors)
            found.append(prediction_of(outputs, contract, put_in, put_in.tensors))
    return found


def check(name: str, answer: bytes, reference: Prediction, *, exact: bool = True) -> None:
    """Compare the JSON or PNG of a server with the reference, which is computed in FP32.

    Raises:
        AnswerError: for other classes, scores or pixels, or what is neither.
    """
    try:
        if isinstance(reference, Classification):
            _check_classes(name, answer, reference)
        elif isinstance(reference, Picture):
            _check_pixels(name, answer, reference, exact)
        else:
            raise AnswerError(f"{name}: {type(reference).__name__} is not compared")
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise AnswerError(f"{name} answers {answer[:80]!r}: {error}") from error


def telling_part(reply: bytes) -> str | None:
    """A part of a checked reply that another picture's reply would not have; None for pictures."""
    found = _CLASS.search(reply)
    return found.group().decode() if found else None


def _check_classes(name: str, answer: bytes, reference: Classification) -> None:
    served = {int(row["class_id"]): float(row["score"]) for row in json.loads(answer)["classes"]}
    if len(served) != len(reference.classes):
        raise AnswerError(f"{name} gives {len(served)} classes, not {len(reference.classes)}")
    least = min(served.values())
    for wanted in reference.classes:
        got = served.get(wanted.class_id, least)
        if abs(got - wanted.score) > SCORE_TOLERANCE:
            raise AnswerError(
                f"{name} gives class {wanted.class_id} {got:.4f}, the reference {wanted.score:.4f}"
            )


def _check_pixels(name: str, answer: bytes, reference: Picture, exact: bool) -> None:
    with Image.open(io.BytesIO(answer)) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.int16)
    if pixels.shape != reference.pixels.shape:
        raise AnswerError(f"{name} gives {pixels.shape}, the reference {reference.pixels.shape}")
    differences = np.abs(pixels - reference.pixels.astype(np.int16))
    apart, allowed = differences.max(), PIXEL_TOLERANCE
    if not exact:
        apart, allowed = differences.mean(), MEAN_TOLERANCE
    if apart > allowed:
        raise AnswerError(f"{name} is off by {apart:.3g} of 255")
