"""Photographs that ship with scikit-image, and the noise that is put on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.float32]
"""`[height, width, 3]`, values 0 to 1."""

SIGMA = 25.0
"""Standard deviation of the noise, of pixel values 0 to 255."""

TRAINED_ON = ("astronaut.png", "coffee.png", "rocket.jpg")
HELD_OUT = ("chelsea.png", "motorcycle_left.png", "camera.png", "coins.png")


def load(name: str) -> Picture:
    """A photograph by its file's name; grey ones have three equal channels."""
    with Image.open(Path(skimage.data.__file__).parent / name) as picture:
        return values(picture)


def values(picture: Image.Image) -> Picture:
    """The values of a picture; grey ones have three equal channels."""
    return np.asarray(picture.convert("RGB"), np.float32) / 255


def add_noise(picture: Picture, seed: int = 0, sigma: float = SIGMA) -> NDArray[np.uint8]:
    """Gaussian noise on each channel, rounded and cut to what a file of 8 bits can hold."""
    noise = np.random.default_rng(seed).normal(0.0, sigma, picture.shape)
    return np.clip(np.rint(picture * 255 + noise), 0, 255).astype(np.uint8)


def psnr(reference: Picture, picture: Picture) -> float:
    """Peak signal-to-noise ratio in dB; both have values 0 to 1."""
    error = np.square(reference.astype(np.float64) - picture).mean()
    return float(-10 * np.log10(error))
