"""Writes the pictures that tests/pillow.rs compares with, by Pillow and scikit-image's pictures.

Run it in this folder: `python make_pillow_goldens.py`. `goldens/decode/` gets one small photograph
in every kind of file, and Pillow's reading of each in `expected/`; `goldens/astronaut.png` is the
photograph that the other goldens are made of.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage import data

FOLDER = Path(__file__).parent / "goldens"


def photograph() -> Image.Image:
    """A crop of a photograph."""
    return Image.fromarray(data.astronaut()[60:110, 190:263])


def write_variants() -> None:
    """One small photograph in every kind of file, each with Pillow's reading in `expected/`."""
    folder = FOLDER / "decode"
    folder.mkdir(exist_ok=True)
    photo = photograph().crop((8, 4, 31, 21))
    gray = photo.convert("L")
    alpha = photo.copy()
    alpha.putalpha(gray)
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    kinds: dict[str, tuple[Image.Image, dict[str, object]]] = {
        "rgb.png": (photo, {}),
        "gray.png": (gray, {}),
        "alpha.png": (alpha, {}),
        "gray-alpha.png": (alpha.convert("LA"), {}),
        "palette.png": (photo.quantize(32), {}),
        "one-bit.png": (gray.convert("1"), {}),
        "deep.png": (deep, {}),
        "rgb.jpg": (photo, {"quality": 95}),
        "gray.jpg": (gray, {"quality": 95}),
        "cmyk.jpg": (photo.convert("CMYK"), {"quality": 95}),
        "progressive.jpg": (photo, {"quality": 95, "progressive": True}),
        "rgb.webp": (photo, {"lossless": True}),
        "alpha.webp": (alpha, {"lossless": True}),
        "rgb.bmp": (photo, {}),
    }
    for name, (image, options) in kinds.items():
        image.save(folder / name, **options)
    for orientation in range(1, 9):
        photo.save(folder / f"orientation-{orientation}.png", exif=oriented(orientation))
    photo.save(folder / "orientation-6.jpg", quality=95, exif=oriented(6))
    photo.save(folder / "orientation-6.webp", lossless=True, exif=oriented(6))
    second = photo.rotate(180)
    photo.save(folder / "animated.webp", save_all=True, append_images=[second], lossless=True)
    write_expected(folder)


def oriented(orientation: int) -> Image.Exif:
    """An EXIF block that holds an orientation only."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def write_expected(folder: Path) -> None:
    """Pillow's reading of every file of a folder, upright and in red, green, blue."""
    expected = folder / "expected"
    expected.mkdir(exist_ok=True)
    for path in sorted(folder.glob("*.*")):
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I;16"):
                upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
            clean = Image.fromarray(np.asarray(upright.convert("RGB")))
            clean.save(expected / f"{path.name}.png", optimize=True)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    photograph().save(FOLDER / "astronaut.png", optimize=True)
    write_variants()
