"""Writes the pictures that tests/pillow.rs compares with, by Pillow and scikit-image's pictures.

Run it in this folder: `python make_pillow_goldens.py`. `goldens/decode/` gets one small photograph
in every kind of file, and Pillow's reading of each in `expected/`; `goldens/damaged/` gets files
that Pillow refuses; `goldens/astronaut.png` is the photograph that the other goldens are made of.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
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
    write_odd_jpegs(folder, photo)
    write_deep(folder, photo)
    write_expected(folder)


def jpeg(image: Image.Image, **options: object) -> bytes:
    """A JPEG file."""
    file = BytesIO()
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def write_odd_jpegs(folder: Path, photo: Image.Image) -> None:
    """JPEG files that are not as one expects, and that Pillow reads nevertheless."""
    restart = jpeg(photo, restart_marker_blocks=1)
    whole = jpeg(photo)
    scan = whole.index(b"\xff\xda")
    files = {
        "restart": restart,
        "trailing": whole + b"bytes behind the end \xff",
        "before-end": whole[:-2] + b"\0\0\xff\xff\xd9",
        "fill-bytes": whole[:scan] + b"\xff\xff" + whole[scan:],
        "between-segments": whole[:scan] + b"bytes" + whole[scan:],
        "two-pictures": whole + restart,
    }
    for name, content in files.items():
        (folder / f"{name}.jpg").write_bytes(content)


def write_deep(folder: Path, photo: Image.Image) -> None:
    """PNG files of 16 bits a sample whose lower 8 bits matter; Pillow writes grey ones alone."""
    rgb = np.asarray(photo).astype(np.uint16)
    low = np.random.default_rng(0).integers(0, 256, (*rgb.shape[:2], 4), dtype=np.uint16)
    deep = np.concatenate([rgb, rgb[:, :, :1]], axis=2) << 8 | low
    gray = deep[:, :, :1]
    kinds = {
        "deep-rgb": (deep[:, :, :3], 2, b""),
        "deep-rgba": (deep, 6, b""),
        "deep-rgb-transparent": (deep[:, :, :3], 2, deep[0, 0, :3].astype(">u2").tobytes()),
        "deep-gray": (gray, 0, b""),
        "deep-gray-alpha": (deep[:, :, :2], 4, b""),
        "deep-gray-transparent": (gray, 0, gray[0, 0].astype(">u2").tobytes()),
    }
    for name, (samples, color, transparent) in kinds.items():
        (folder / f"{name}.png").write_bytes(png(samples, color, transparent))


def png(samples: np.ndarray, color: int, transparent: bytes) -> bytes:
    """A PNG file of 16 bits a sample and of a colour type, with the one transparent colour."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0))]
    chunks += [(b"tRNS", transparent)] if transparent else []
    chunks += [(b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def write_damaged() -> None:
    """Files that Pillow refuses."""
    folder = FOLDER / "damaged"
    folder.mkdir(exist_ok=True)
    photo = photograph().crop((8, 4, 31, 21))
    for name, whole in {
        "rgb": jpeg(photo),
        "progressive": jpeg(photo, progressive=True),
        "exif": jpeg(photo, exif=oriented(6)),
    }.items():
        middle = (whole.index(b"\xff\xda") + len(whole)) // 2
        files = {
            "no-end": whole[:-2],
            "half-an-end": whole[:-1],
            "half": whole[:middle],
            "nothing-known": whole[:middle] + b"\xff\x5c" + whole[middle + 2 :],
            "two-starts": whole[:middle] + b"\xff\xd8" + whole[middle + 2 :],
        }
        for damage, content in files.items():
            (folder / f"{name}-{damage}.jpg").write_bytes(content)
    for path in folder.iterdir():
        try:
            Image.open(path).load()
        except OSError:
            continue
        raise ValueError(f"Pillow reads {path.name}")


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
                # Pillow's own conversion would clip.
                deep = np.asarray(upright).astype(np.uint32)
                upright = Image.fromarray(((deep * 255 + 32_767) // 65_535).astype(np.uint8))
            clean = Image.fromarray(np.asarray(upright.convert("RGB")))
            clean.save(expected / f"{path.name}.png", optimize=True)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    photograph().save(FOLDER / "astronaut.png", optimize=True)
    write_variants()
    write_damaged()
