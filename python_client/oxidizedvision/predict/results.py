"""What a model says about a picture, as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import atomic_path, file_errors, write_text
from oxidizedvision.postprocess import Classification, Detections, Mask, Picture, Prediction
from oxidizedvision.predict import pictures, tensor_files
from oxidizedvision.preprocess import write_picture

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

DOCUMENT = ".json"
_MASK = ".png"
_ENDINGS = {
    "image": pictures.ENDINGS,
    "classification": (DOCUMENT,),
    "segmentation": (_MASK, DOCUMENT),
    "detection": (DOCUMENT, *pictures.ENDINGS),
    "raw": (),
}


def endings_of(kind: str) -> tuple[str, ...]:
    """How files of a result of this kind may end, the usual one first; tensors are apart."""
    return _ENDINGS[kind]


def usual_ending(kind: str, picture: Path) -> str | None:
    """The ending of a picture's result; None where tensors are the only result."""
    if kind == "image":
        return picture.suffix
    return next(iter(_ENDINGS[kind]), None)


def check_ending(result: Path, kind: str, source: Path) -> None:
    """Refuse a file that cannot hold a result of this kind.

    Raises:
        OxidizedVisionError: `input`.
    """
    ending = result.suffix.lower()
    numbers = ", ".join(tensor_files.ENDINGS)
    if ending in tensor_files.ENDINGS:
        return
    if ending not in _ENDINGS[kind]:
        known = ", ".join(_ENDINGS[kind])
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{result}: what the model gives is of kind {kind} and not written as {ending}",
            f"Name a file that ends in {known}, or for the numbers in {numbers}."
            if known
            else f"Name a file that ends in {numbers}, for the numbers.",
        )
    if kind == "detection" and ending != DOCUMENT and source.suffix.lower() in tensor_files.ENDINGS:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{result}: there is no picture to draw boxes on, {source} is a tensor",
            f"Name a file that ends in {DOCUMENT}.",
        )


def write_prediction(path: Path, prediction: Prediction, drawn_on: Array | None) -> str:
    """Write a result by the file's ending, and tell what was written.

    Args:
        path: The file.
        prediction: What to write.
        drawn_on: The picture that boxes are drawn on, where the file is a picture.

    Raises:
        OxidizedVisionError: `file_system` when it cannot be written.
    """
    ending = path.suffix.lower()
    if isinstance(prediction, Picture):
        write_picture(path, prediction.pixels)
        return "picture"
    if ending == DOCUMENT:
        write_text(path, json.dumps(prediction.document(), indent=2, ensure_ascii=False) + "\n")
        return str(prediction.document()["kind"])
    if isinstance(prediction, Mask):
        _write_mask(path, prediction)
        return "mask"
    if isinstance(prediction, Detections) and drawn_on is not None:
        write_picture(path, _drawn(drawn_on, prediction))
    return "picture"


def in_words(prediction: Prediction) -> str:
    """A result in a few words; empty for pictures and masks."""
    if isinstance(prediction, Classification):
        best = prediction.classes[0]
        return f"{best.label or f'class {best.class_id}'} {best.score:.3f}"
    if isinstance(prediction, Detections):
        return f"{len(prediction.detections)} found"
    return ""


def _write_mask(path: Path, mask: Mask) -> None:
    """Grey of 8 or 16 bits, or indices of a palette; the number is the class id in all of them."""
    image = Image.fromarray(mask.ids)
    if mask.colors is not None and mask.ids.dtype == np.uint8:
        colors = [channel for color in mask.colors for channel in color]
        image.putpalette(colors + [0] * (3 * 256 - len(colors)))
    with atomic_path(path) as temporary, file_errors(path):
        image.save(temporary, format="PNG")


def _drawn(pixels: Array, found: Detections) -> Array:
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    line = max(2, min(image.size) // 200)
    size = max(10, min(image.size) // 30)
    # The best last, so that nothing covers them.
    for item in reversed(found.detections):
        color = _color(item.class_id)
        draw.rectangle(item.box, outline=color, width=line)
        text = f"{item.label or item.class_id} {item.score:.2f}"
        _label(draw, item.box, text, {"fill": color, "font_size": size})
    return np.asarray(image)


def _label(
    draw: ImageDraw.ImageDraw,
    box: tuple[float, float, float, float],
    text: str,
    style: dict[str, Any],
) -> None:
    """Black text on the box's colour, above the box or, at the upper border, in it."""
    size = style["font_size"]
    height = size * 1.3
    left, top = box[0], box[1] - height if box[1] >= height else box[1]
    width = draw.textlength(text, font_size=size) + size * 0.4
    draw.rectangle((left, top, left + width, top + height), fill=style["fill"])
    draw.text((left + size * 0.2, top), text, fill="black", font_size=size)


def _color(class_id: int) -> str:
    """Neighbouring classes lie far apart: each is the golden angle on from the one before."""
    return f"hsl({class_id * 137 % 360}, 85%, 60%)"
