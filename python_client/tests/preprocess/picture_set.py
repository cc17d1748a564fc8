"""The pictures that both languages are held to: `uint8[height, width, 3]` by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

GOLDENS = Path(__file__).parents[3] / "rust_runtime/crates/vision_io/tests/goldens"
SHAPES = {"square": (32, 32), "prime": (53, 31), "row": (1, 37), "column": (41, 1), "dot": (1, 1)}
"""Height and width."""


def gradient(height: int, width: int) -> Pixels:
    across = np.linspace(0, 255, width)[np.newaxis].repeat(height, axis=0)
    down = np.linspace(255, 0, height)[:, np.newaxis].repeat(width, axis=1)
    return np.stack([across, down, (across + down) / 2], axis=-1).astype(np.uint8)


def checkerboard(height: int, width: int) -> Pixels:
    """Fields of one pixel: all that a filter can get wrong is at its largest."""
    fields = (np.indices((height, width)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return np.stack([fields, 255 - fields, fields], axis=-1)


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(height * 1000 + width).integers(
        0, 256, (height, width, 3), np.uint8
    )


def photo() -> Pixels:
    return np.asarray(Image.open(GOLDENS / "astronaut.png").convert("RGB"))


def pictures() -> dict[str, Pixels]:
    made = {
        f"{make.__name__}-{name}": make(*shape)
        for make in (gradient, checkerboard, noise)
        for name, shape in SHAPES.items()
    }
    return {**made, "photo": photo()}
