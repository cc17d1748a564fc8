"""Writes goldens/resize.safetensors, which tests/resize.rs compares with.

Run it in this folder: `python make_resize_goldens.py`. With antialias it is Pillow that resizes,
without it PyTorch; Pillow's filters that PyTorch does not have are summed up by hand. The modes
are torchvision's `Resize` and `CenterCrop`, and Pillow's `ImageOps.contain` on an even ground.

`source/<name>` is a picture `uint8[height, width, channels]`, and `<name>/<resize>` what becomes of
it, where `<resize>` is the contract's JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from math import cos, floor, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors.numpy import save_file
from torch.nn.functional import interpolate
from torchvision.transforms import CenterCrop, InterpolationMode
from torchvision.transforms import Resize as TorchResize

Pixels = NDArray[np.uint8]
FOLDER = Path(__file__).parent / "goldens"
FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
SIZES = [(16, 16), (5, 23), (34, 3), (1, 1), (19, 29)]
FRAMES = [(24, 24), (17, 30), (31, 6)]


def sources() -> dict[str, Pixels]:
    """A gradient, checkerboards, noise and a photograph; sides that are prime or 1."""
    generator = np.random.default_rng(7)
    ramp = np.linspace(0, 255, 31).astype(np.uint8)
    gradient = np.stack([np.tile(ramp, (23, 1)), np.tile(ramp[::-1], (23, 1))], axis=-1)
    fields = (np.indices((23, 31)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return {
        "gradient": np.dstack([gradient, fields]),
        "checkerboard": np.dstack([fields, 255 - fields, fields])[:16, :16],
        "row": generator.integers(0, 256, (1, 37, 3), np.uint8),
        "column": generator.integers(0, 256, (41, 1, 3), np.uint8),
        "dot": generator.integers(0, 256, (1, 1, 3), np.uint8),
        "noise": generator.integers(0, 256, (19, 23, 3), np.uint8),
        "tall": generator.integers(0, 256, (60, 30, 1), np.uint8),
        "line": np.arange(90, dtype=np.uint8).reshape(1, 90, 1),
        "gray": generator.integers(0, 256, (29, 13, 1), np.uint8),
        "photo": np.asarray(Image.open(FOLDER / "astronaut.png").convert("RGB")),
    }


def pillow(picture: Pixels, size: tuple[int, int], name: str) -> Pixels:
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    return np.atleast_3d(np.asarray(image.resize(size, Image.Resampling[name.upper()])))


def pytorch(picture: Pixels, size: tuple[int, int], name: str) -> Pixels:
    tensor = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
    keys: dict[str, Any] = {} if name == "nearest" else {"align_corners": False}
    made = interpolate(tensor, size=size[::-1], mode=name, antialias=False, **keys)
    return made.clamp(0, 255).round().to(torch.uint8)[0].permute(1, 2, 0).numpy()


def by_hand(picture: Pixels, size: tuple[int, int], name: str) -> Pixels:
    """Pillow's filter without widening, in Pillow's order, rounded to 8 bits in between."""
    less_height, less_width = picture.shape[0] - size[1], picture.shape[1] - size[0]
    columns_first = less_height > 0 and less_height > 2 * less_width
    for axis, length in ((0, size[1]), (1, size[0]))[:: 1 if columns_first else -1]:
        if picture.shape[axis] != length:
            picture = np.swapaxes(lines(np.swapaxes(picture, 0, axis), length, name), 0, axis)
    return np.ascontiguousarray(picture)


def lines(picture: Pixels, length: int, name: str) -> Pixels:
    kernel, support = KERNELS[name]
    made = []
    for target in range(length):
        center = (target + 0.5) * (picture.shape[0] / length)
        weights = {
            source: kernel(source + 0.5 - center)
            for source in range(picture.shape[0])
            if abs(source + 0.5 - center) <= support
        }
        line = sum(picture[source].astype(float) * weight for source, weight in weights.items())
        made.append(np.clip(np.floor(line / sum(weights.values()) + 0.5), 0, 255))
    return np.asarray(made).astype(np.uint8)


def sinc(x: float) -> float:
    return 1.0 if x == 0 else sin(pi * x) / (pi * x)


KERNELS: dict[str, tuple[Callable[[float], float], float]] = {
    "box": (lambda x: float(-0.5 < x <= 0.5), 0.5),
    "hamming": (lambda x: sinc(x) * (0.54 + 0.46 * cos(pi * x)), 1.0),
    "lanczos": (lambda x: sinc(x) * sinc(x / 3), 3.0),
}


def stretched(picture: Pixels, size: tuple[int, int], name: str, antialias: bool) -> Pixels:
    if antialias:
        return pillow(picture, size, name)
    return by_hand(picture, size, name) if name in KERNELS else pytorch(picture, size, name)


def fitted(picture: Pixels, size: tuple[int, int], pad: int) -> Pixels:
    """`ImageOps.contain` in the middle, the odd pixel to the right and below."""
    grey = picture.shape[2] == 1
    image = Image.fromarray(picture[:, :, 0] if grey else picture)
    sides = ImageOps.contain(image, size).size
    inner = pillow(picture, (max(sides[0], 1), max(sides[1], 1)), "bilinear")
    ground = np.full((size[1], size[0], picture.shape[2]), pad, np.uint8)
    left, top = (floor((to - side) / 2) for to, side in zip(size, inner.shape[1::-1], strict=True))
    ground[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return ground


def cut(picture: Pixels, side: int, shorter_side: int) -> Pixels:
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    resized = TorchResize(shorter_side, InterpolationMode.BILINEAR)(image)
    return np.atleast_3d(np.asarray(CenterCrop(side)(resized)))


def special_cases(name: str, picture: Pixels) -> Iterator[tuple[dict[str, Any], Pixels]]:
    """Where rounding decides which pixel is the nearest, and where the order of passes turns."""
    sizes = {"line": [(width, 1) for width in range(1, 90)], "tall": [(25, 48), (25, 51)]}[name]
    for filter_name in ["nearest"] if name == "line" else ["bicubic", "lanczos"]:
        for antialias in (True, False):
            for width, height in sizes:
                keys = {"width": width, "height": height, "filter": filter_name}
                made = stretched(picture, (width, height), filter_name, antialias)
                yield {**keys, "antialias": antialias}, made


def cases(picture: Pixels) -> Iterator[tuple[dict[str, Any], Pixels]]:
    for name in FILTERS:
        for antialias in (True, False):
            for width, height in SIZES:
                keys = {"width": width, "height": height, "filter": name, "antialias": antialias}
                yield keys, stretched(picture, (width, height), name, antialias)
    for width, height in FRAMES:
        keys = {"width": width, "height": height, "mode": "fit", "pad": 114}
        yield keys, fitted(picture, (width, height), 114)
    for side, shorter_side in ((24, None), (24, 27), (13, 14), (8, 8)):
        keys = {"width": side, "height": side, "mode": "center-crop", "shorter_side": shorter_side}
        yield keys, cut(picture, side, shorter_side or side)


def main() -> None:
    tensors = {}
    for name, picture in sources().items():
        tensors[f"source/{name}"] = np.ascontiguousarray(picture)
        special = name in ("line", "tall")
        for keys, made in special_cases(name, picture) if special else cases(picture):
            tensors[f"{name}/{json.dumps(keys)}"] = np.ascontiguousarray(made)
    save_file(tensors, FOLDER / "resize.safetensors")


if __name__ == "__main__":
    main()
