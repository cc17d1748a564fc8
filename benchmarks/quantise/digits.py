"""A small network that reads digits, trained here in seconds on digits that are drawn here.

Input `[batch, 1, 28, 28]`, values 0 to 1; output `[batch, 10]`, a score for each digit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import nn

SIDE = 28
_TRAINED_ON, _EPOCHS, _BATCH = 6000, 4, 100
Pictures = NDArray[np.float32]


class Digits(nn.Module):
    """Three convolutions and a linear layer; large enough for INT8 to pay."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1, stride=2),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, stride=2),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
        )
        self.scores = nn.Linear(2 * width * 49, 10)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return self.scores(self.features(picture).flatten(1))


def drawn(count: int, seed: int) -> tuple[Pictures, NDArray[np.int64]]:
    """Digits in several sizes, places and slants, on uneven grounds with noise."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, count)
    pictures = np.stack([_digit(int(label), generator) for label in labels])
    return pictures[:, None].astype(np.float32), labels


def _digit(label: int, generator: np.random.Generator) -> Pictures:
    picture = Image.new("L", (SIDE, SIDE), int(generator.integers(0, 80)))
    size = int(generator.integers(16, 25))
    place = tuple(generator.integers(2, 10, 2).tolist())
    ink = int(generator.integers(150, 256))
    ImageDraw.Draw(picture).text(place, str(label), ink, ImageFont.load_default(size))
    slanted = picture.rotate(float(generator.uniform(-20, 20)), Image.Resampling.BILINEAR)
    values = np.asarray(slanted, np.float32) / 255
    noisy = values + generator.normal(0, 0.05, values.shape)
    found: Pictures = np.clip(noisy, 0, 1).astype(np.float32)
    return found


def train(path: Path, seed: int = 0) -> float:
    """Train on one thread, write the state dict, and give the share of new digits that are read."""
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    network = Digits()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    pictures, labels = (torch.from_numpy(part) for part in drawn(_TRAINED_ON, seed))
    for _ in range(_EPOCHS):
        for start in range(0, _TRAINED_ON, _BATCH):
            part = slice(start, start + _BATCH)
            loss = nn.functional.cross_entropy(network(pictures[part]), labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()
    save_file(network.state_dict(), path)
    held_out, wanted = drawn(1000, seed + 1)
    with torch.no_grad():
        read = network(torch.from_numpy(held_out)).argmax(1).numpy()
    return float((read == wanted).mean())
