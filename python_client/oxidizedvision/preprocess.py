"""Pictures to tensors and back: the reference that `vision_io` is held to.

`value = (pixel * scale - mean) / std`, with pixels of 0 to 255 in the order of `color`, and back
`pixel = round(clamp((value * std + mean) / scale, 0, 255))`.
"""

from __future__ import annotations

from collections.abc import Mapping
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
_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")


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
    """Encode `uint8[height, width, 3]` by the file's ending: JPEG at quality 95, lossless WebP.

    Raises:
        OxidizedVisionError: `input` for another ending, `file_system` when it cannot be written.
    """
    options: dict[str, dict[str, Any]] = {
        ".png": {"format": "PNG"},
        ".jpg": {"format": "JPEG", "quality": 95},
        ".jpeg": {"format": "JPEG", "quality": 95},
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


def preprocess(picture: Array, contract: Mapping[str, Any]) -> Array:
    """A picture `uint8[height, width, 3]` as a float32 tensor with a batch axis of 1.

    `contract` is the JSON form of `preprocess`; keys left out have the defaults of the config.

    Raises:
        OxidizedVisionError: `unsupported` for `antialias: false`.
    """
    image = Image.fromarray(picture)
    if contract.get("color") == "gray":
        image = image.convert("L")
    size = contract.get("resize")
    if size is not None:
        image = _resized(image, size)
    pixels = np.atleast_3d(np.asarray(image))
    if contract.get("color") == "bgr":
        pixels = pixels[:, :, ::-1]
    scale, mean, std = _numbers(contract)
    values = ((pixels.astype(np.float64) * scale - mean) / std).astype(np.float32)
    if contract.get("layout", "nchw") == "nchw":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[np.newaxis])


def postprocess(tensor: Array, contract: Mapping[str, Any]) -> Array:
    """A tensor with a batch axis of 1 as a picture `uint8[height, width, 3]`.

    Raises:
        OxidizedVisionError: `unsupported` for a kind other than `image`, `shape_mismatch` when
            the tensor has not the contract's axes or channels, `engine_failed` when it holds NaN.
    """
    color, nchw = contract.get("color", "rgb"), contract.get("layout", "nchw") == "nchw"
    _check_picture(tensor, contract)
    values = (tensor[0].transpose(1, 2, 0) if nchw else tensor[0]).astype(np.float64)
    scale, mean, std = _numbers(contract)
    pixels = np.rint(np.clip((values * std + mean) / scale, 0.0, 255.0)).astype(np.uint8)
    if color == "gray":
        pixels = np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, ::-1] if color == "bgr" else pixels)


def _check_picture(tensor: Array, contract: Mapping[str, Any]) -> None:
    kind, color = contract.get("kind"), contract.get("color", "rgb")
    if kind != "image":
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"An output of kind {kind!r} is no picture",
            "Set postprocess to {kind: image}, or save the output as .npy.",
        )
    channels = 1 if color == "gray" else 3
    nchw = contract.get("layout", "nchw") == "nchw"
    if tensor.ndim != 4 or tensor.shape[0] != 1 or tensor.shape[1 if nchw else 3] != channels:
        axes = f"[1, {channels}, height, width]" if nchw else f"[1, height, width, {channels}]"
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"A picture of color {color} is {axes}, the output is {list(tensor.shape)}",
            "Correct postprocess.color and postprocess.layout.",
        )
    if not np.isfinite(tensor).all():
        raise OxidizedVisionError(
            Kind.ENGINE_FAILED,
            "The output holds NaN or infinity, which no picture can show",
            "Run `oxidizedvision validate` to see which engine gives it.",
        )


def _resized(image: Image.Image, size: Mapping[str, Any]) -> Image.Image:
    """Bring a picture to `width` and `height` by Pillow's filter of that name.

    `fit` keeps the proportions and centres on black, `center-crop` keeps them and cuts.
    """
    if not size.get("antialias", True) and size.get("filter", "bilinear") != "nearest":
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            "preprocess.resize.antialias: false is only offered with filter: nearest",
            "Leave antialias out.",
        )
    target = int(size["width"]), int(size["height"])
    method = _FILTERS[size.get("filter", "bilinear")]
    mode = size.get("mode", "stretch")
    if mode == "stretch":
        return image.resize(target, method)
    return _placed(image.resize(_scaled_sides(image.size, target, mode == "fit"), method), target)


def _scaled_sides(sides: tuple[int, int], target: tuple[int, int], within: bool) -> tuple[int, int]:
    """Sides in the picture's proportions: one is the target's, the other is rounded half up."""
    (width, height), (to_width, to_height) = sides, target
    if (width * to_height >= to_width * height) == within:
        exact = (2 * height * to_width + width) // (2 * width)
        return to_width, min(max(exact, 1), to_height) if within else max(exact, to_height)
    exact = (2 * width * to_height + height) // (2 * height)
    return (min(max(exact, 1), to_width) if within else max(exact, to_width)), to_height


def _placed(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """Centre on a canvas, cutting what is too large and leaving black where it is too small."""
    canvas = Image.new(image.mode, target)
    left, top = ((to - side) // 2 for to, side in zip(target, image.size, strict=True))
    if left < 0 or top < 0:
        left, top = ((side - to) // 2 for to, side in zip(target, image.size, strict=True))
        return image.crop((left, top, left + target[0], top + target[1]))
    canvas.paste(image, (left, top))
    return canvas


def _numbers(contract: Mapping[str, Any]) -> tuple[float, Array, Array]:
    mean = np.asarray(contract.get("mean", [0.0]), np.float64)
    std = np.asarray(contract.get("std", [1.0]), np.float64)
    return float(contract.get("scale", 1 / 255)), mean, std


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
