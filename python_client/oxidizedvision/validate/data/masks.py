"""Masks that tell the class of every pixel, from PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

IGNORED = -1
"""The class of pixels that do not count."""

_EDGE = 255
_BRIGHT = 127
_MODES = ("1", "L", "P")


def read_mask(path: Path, classes: int) -> Array:
    """The class of every pixel as `int64[height, width]`.

    Values are classes, and 255 is `IGNORED`. With two classes at most, a grey mask of 0 and 255
    alone tells foreground; and a model that gives one channel takes all above 127 of a grey mask,
    and all but 0 of an indexed one, as foreground.

    Args:
        path: The file.
        classes: How many the model tells apart: 1 is a single channel of foreground.

    Raises:
        OxidizedVisionError: `not_found`, or `input` for no PNG of one channel of 8 bits, and for a
            class that the model has not.
    """
    mode, values = _pixels(path)
    if classes == 1:
        return (values > (0 if mode == "P" else _BRIGHT)).astype(np.int64)
    if mode == "1" or (classes == 2 and mode == "L" and _is_black_white(values)):
        return (values > _BRIGHT).astype(np.int64)
    ids = np.where(values == _EDGE, IGNORED, values)
    if ids.max(initial=0) >= classes:
        raise _no_mask(path, f"it has a class {ids.max()}, the model tells {classes} apart")
    return ids


def _pixels(path: Path) -> tuple[str, Array]:
    """Pillow's name of the kind of pixels, and their values."""
    try:
        with file_errors(path), _opened(path) as picture:
            grey = picture.convert("L") if picture.mode == "1" else picture
            return picture.mode, np.asarray(grey).astype(np.int64)
    except (SyntaxError, ValueError, EOFError) as error:
        raise _no_mask(path, f"it cannot be decoded: {error}") from error


def _opened(path: Path) -> Image.Image:
    """The mask whose head was read; its pixels are not yet."""
    try:
        picture = Image.open(path, formats=("PNG",))
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise _no_mask(path, "it is no PNG") from error
    if picture.mode not in _MODES:
        picture.close()
        raise _no_mask(path, f"its pixels are {picture.mode} and no classes")
    return picture


def _is_black_white(values: Array) -> bool:
    return bool(np.isin(values, (0, _EDGE)).all() and (values == _EDGE).any())


def _no_mask(path: Path, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.INPUT, f"{path} is no mask: {reason}", "Save it as a PNG, grey or with a palette."
    )
