"""Writes the pictures that tests/pillow.rs compares with, by Pillow and scikit-image's pictures.

Run it in this folder: `python make_pillow_goldens.py`. Every file goes to `goldens/`; a name says
what it is: `<source>.<filter>.<mode>.<width>x<height>.png` is Pillow's resize of `<source>.png`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage import data

FOLDER = Path(__file__).parent / "goldens"
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
SIZES = [(37, 23), (16, 90)]
MODES = [("fit", (40, 32)), ("center-crop", (40, 32))]


def sources() -> dict[str, Image.Image]:
    """Crops of photographs, and a gradient with hard edges."""
    ramp = np.linspace(0, 255, 61).astype(np.uint8)
    gradient = np.stack([np.tile(ramp, (40, 1)), np.tile(ramp[::-1], (40, 1))], axis=-1)
    edges = (np.indices((40, 61)).sum(axis=0) // 5 % 2 * 255).astype(np.uint8)
    return {
        "astronaut": Image.fromarray(data.astronaut()[60:110, 190:263]),
        "gradient": Image.fromarray(np.dstack([gradient, edges])),
        "camera": Image.fromarray(data.camera()[90:140, 190:251]),
    }


def fitted(image: Image.Image, mode: str, size: tuple[int, int]) -> Image.Image:
    """The contract's `fit` and `center-crop` in Pillow's terms."""
    choose = min if mode == "fit" else max
    factor = choose(size[0] / image.width, size[1] / image.height)
    scaled = image.resize(
        (int(image.width * factor + 0.5), int(image.height * factor + 0.5)),
        Image.Resampling.BILINEAR,
    )
    left, top = abs(size[0] - scaled.width) // 2, abs(size[1] - scaled.height) // 2
    if mode == "center-crop":
        return scaled.crop((left, top, left + size[0], top + size[1]))
    canvas = Image.new(image.mode, size)
    canvas.paste(scaled, (left, top))
    return canvas


def write_resizes() -> None:
    """Every filter, down and up, on every source."""
    for name, image in sources().items():
        image.save(FOLDER / f"{name}.png", optimize=True)
        for filter_name, resample in FILTERS.items():
            for width, height in SIZES:
                target = FOLDER / f"{name}.{filter_name}.stretch.{width}x{height}.png"
                image.resize((width, height), resample).save(target, optimize=True)
        for mode, size in MODES:
            target = FOLDER / f"{name}.bilinear.{mode}.{size[0]}x{size[1]}.png"
            fitted(image, mode, size).save(target, optimize=True)


def write_variants() -> None:
    """One small photograph in every kind of file, each with Pillow's reading in `expected/`."""
    folder = FOLDER / "decode"
    folder.mkdir(exist_ok=True)
    photo = sources()["astronaut"].crop((8, 4, 31, 21))
    gray = photo.convert("L")
    alpha = photo.copy()
    alpha.putalpha(gray)
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    kinds: dict[str, tuple[Image.Image, dict[str, object]]] = {
        "rgb.png": (photo, {}),
        "gray.png": (gray, {}),
        "alpha.png": (alpha, {}),
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
    write_resizes()
    write_variants()
