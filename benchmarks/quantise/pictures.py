"""Inputs for each network, of pictures that scikit-image ships and of text that is drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Array = NDArray[np.float32]
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")
WORDS = (
    "Invoice 2026", "TOTAL 148.50", "Platform 9", "Exit only", "Chapter one", "open 24 hours",
    "serial no. 77A-31", "Handle with care", "Rust and Python", "quick brown fox", "NO PARKING",
    "Room 101", "12:45 departure", "made in Norway", "batch 0042", "fragile", "Danger", "ok",
)  # fmt: skip


def photograph(name: str) -> NDArray[np.uint8]:
    """`[height, width, 3]`."""
    found: NDArray[np.uint8] = getattr(skimage.data, name)()[..., :3]
    return found


def crops(side: int, count: int, seed: int, names: Sequence[str] = PHOTOGRAPHS) -> Array:
    """Square parts of photographs, `[count, 3, side, side]`, values 0 to 1."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        whole = photograph(names[number % len(names)])
        top, left = (int(generator.integers(0, length - side + 1)) for length in whole.shape[:2])
        found.append(whole[top : top + side, left : left + side].transpose(2, 0, 1))
    return np.stack(found).astype(np.float32) / 255


def noisy_pairs(side: int, count: int, seed: int, sigma: float = 25) -> tuple[Array, Array]:
    """Photographs with Gaussian noise, and without."""
    clean = crops(side, count, seed)
    noise = np.random.default_rng(seed).normal(0, sigma / 255, clean.shape)
    return np.clip(clean + noise, 0, 1).astype(np.float32), clean


def pages(height: int, width: int, count: int, seed: int) -> Array:
    """Photographs with several lines of text on them, as PP-OCR's detector takes them."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        picture = Image.fromarray(photograph(PHOTOGRAPHS[number % len(PHOTOGRAPHS)]))
        picture = picture.resize((width, height))
        draw = ImageDraw.Draw(picture)
        for top in range(10, height - 40, int(generator.integers(48, 80))):
            _write(draw, (int(generator.integers(5, width // 3)), top), generator)
        found.append(np.asarray(picture, np.float32).transpose(2, 0, 1) / 255)
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
    std = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
    normalised: Array = ((np.stack(found) - mean) / std).astype(np.float32)
    return normalised


def lines(height: int, width: int, count: int, seed: int) -> Array:
    """A line of text each, as PP-OCR's recogniser takes them: values -1 to 1."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        ground = tuple(int(value) for value in generator.integers(150, 256, 3))
        picture = Image.new("RGB", (width, height), ground)
        ink = tuple(int(value) for value in generator.integers(0, 90, 3))
        font = ImageFont.load_default(int(generator.integers(26, 36)))
        ImageDraw.Draw(picture).text((6, 4), str(generator.choice(WORDS)), ink, font)
        values = np.asarray(picture, np.float32) + generator.normal(0, 6, (height, width, 3))
        found.append((np.clip(values, 0, 255) / 127.5 - 1).transpose(2, 0, 1))
    return np.stack(found).astype(np.float32)


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], generator: np.random.Generator
) -> None:
    dark = bool(generator.integers(0, 2))
    ink, edge = ((20, 20, 20), (240, 240, 240)) if dark else ((240, 240, 240), (20, 20, 20))
    font = ImageFont.load_default(int(generator.integers(18, 34)))
    draw.text(place, str(generator.choice(WORDS)), ink, font, stroke_width=2, stroke_fill=edge)


def save_arrays(path: Path, **arrays: Array) -> Path:
    """Write arrays as the .npz file that `calibration.data` takes."""
    np.savez(path, **arrays)
    return path
