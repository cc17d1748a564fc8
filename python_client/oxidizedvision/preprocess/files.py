"""Picture files in and out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import atomic_path, file_errors

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

MAX_SIDE = 16_384
MAX_PIXELS = 178_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
# Pillow halves the colour's sides unless told, which the packaged programs do not.
_JPEG = {"format": "JPEG", "quality": 95, "subsampling": 0}


def read_picture(path: Path) -> Array:
    """Decode a picture as `uint8[height, width, 3]`, upright, without its alpha channel.

    Raises:
        OxidizedVisionError: `not_found`, `file_system`, or `input` when it is no picture of a
            known format, is cut short, or is larger than 16384 pixels a side.
    """
    with file_errors(path), path.open("rb") as file:
        try:
            with Image.open(file, formats=_FORMATS) as picture:
                _check_size(path, picture.size)
                return _as_rgb(ImageOps.exif_transpose(picture))
        except (UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise _no_picture(path, "not a PNG, JPEG, WebP or BMP picture") from error
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise _no_picture(path, f"cannot be decoded: {error}") from error


def write_picture(path: Path, picture: Array) -> None:
    """Encode `uint8[height, width, 3]` by the file's ending.

    JPEG has quality 95 and colour at full width and height, WebP is lossless.

    Raises:
        OxidizedVisionError: `input` for another ending, `file_system` when it cannot be written.
    """
    options: dict[str, dict[str, Any]] = {
        ".png": {"format": "PNG"},
        ".jpg": _JPEG,
        ".jpeg": _JPEG,
        ".webp": {"format": "WEBP", "lossless": True},
        ".bmp": {"format": "BMP"},
    }
    chosen = options.get(path.suffix.lower())
    if chosen is None:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{path}: pictures are not written as {path.suffix or 'files without an ending'}",
            f"Use one of {', '.join(options)}.",
        )
    with atomic_path(path) as temporary, file_errors(path):
        Image.fromarray(picture).save(temporary, **chosen)


def _as_rgb(picture: Image.Image) -> Array:
    if picture.mode.startswith("I"):  # 16 bits of grey: Pillow's own conversion would clip
        grey = np.asarray(picture).astype(np.uint32)
        narrow = ((grey * 255 + 32_767) // 65_535).astype(np.uint8)
        return np.repeat(narrow[:, :, np.newaxis], 3, axis=2)
    if picture.mode in ("P", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return np.asarray(picture.convert("RGB"))


def _check_size(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    if max(size) > MAX_SIDE or width * height > MAX_PIXELS:
        raise _no_picture(path, f"{width} x {height} pixels, more than {MAX_SIDE} a side")


def _no_picture(path: Path, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.INPUT, f"{path}: {reason}", "Give a PNG, JPEG, WebP or BMP file."
    )
