"""Networks whose right answers are known without running them, and pictures for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tiny_network import Artifact

HUES = {
    "red": (2, -1, -1),
    "green": (-1, 2, -1),
    "blue": (-1, -1, 2),
    "cyan": (-2, 1, 1),
    "magenta": (1, -2, 1),
    "yellow": (1, 1, -2),
}
"""Classes in the order of the classifier's output, and what each scores of red, green and blue."""

SIZE = (8, 12)

_MODEL = f'''
import torch
from torch import nn

HUES = {list(HUES.values())}


class Hues(nn.Module):
    """Scores six hues of a picture by its mean colour."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 6)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor(HUES, dtype=torch.float32))
            self.head.bias.zero_()

    def forward(self, picture):
        return self.head(picture.mean(dim=(2, 3)))


class Channels(nn.Module):
    """Scores each pixel's classes: its own channels, or red less green."""

    def __init__(self, channels):
        super().__init__()
        self.layer = nn.Conv2d(3, channels, 1)
        weight = torch.eye(3) if channels == 3 else torch.tensor([[1.0, -1.0, 0.0]])
        with torch.no_grad():
            self.layer.weight.copy_(weight[:, :, None, None])
            self.layer.bias.zero_()

    def forward(self, picture):
        return self.layer(picture)


class Two(nn.Module):
    """Two inputs of different shapes and two outputs: a picture and scores."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(5, 7)

    def forward(self, left, right):
        return left * right.sum() + 1, self.head(right)
'''

_ONE_INPUT = f"input_shape: [1, 3, {SIZE[0]}, {SIZE[1]}]"
_CLASSES = ", ".join(HUES)
_KINDS = {
    "hues": ("Hues", _ONE_INPUT, f"postprocess: {{kind: classification, labels: [{_CLASSES}]}}"),
    "bare_hues": ("Hues", _ONE_INPUT, ""),
    "channels": ("Channels", f"init_args: {{channels: 3}}\n  {_ONE_INPUT}", ""),
    "foreground": (
        "Channels",
        f"init_args: {{channels: 1}}\n  {_ONE_INPUT}",
        "postprocess: {kind: segmentation, activation: none, threshold: 0.25}",
    ),
    "two": (
        "Two",
        """inputs:
  - {name: left, shape: [1, 3, 4, 6]}
  - {name: right, shape: [1, 5]}
  outputs: [picture, scores]""",
        "",
    ),
}


def write_network(folder: Path, kind: str) -> Artifact:
    """Write the project of a network; `convert` is for the fixture."""
    class_name, inputs, postprocess = _KINDS[kind]
    preprocess = "" if kind == "two" else "preprocess: {color: rgb}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(_MODEL)
    (folder / "config.yml").write_text(
        f"model:\n  path: model.py\n  class_name: {class_name}\n  {inputs}\n"
        f"export: {{output_dir: {folder / 'out'}, model_name: net, exporter: torchscript}}\n"
        f"{preprocess}\n{postprocess}\n"
    )
    return Artifact(folder, "net")


def hue_picture(name: str, seed: int) -> np.ndarray:
    """`uint8[height, width, 3]` whose mean colour has this hue."""
    noise = np.random.default_rng(seed).integers(-40, 41, (*SIZE, 3))
    colour = np.array([160 if part > 0 else 60 for part in HUES[name]])
    return (colour + noise).astype(np.uint8)


def save(pixels: np.ndarray, path: Path) -> Path:
    """Write pixels as a picture; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_hues(folder: Path, each: int = 3) -> Path:
    """A data set with a folder for each hue, and `each` pictures in it."""
    for number, name in enumerate(HUES):
        for index in range(each):
            save(hue_picture(name, 10 * number + index), folder / name / f"{index}.png")
    return folder


def channel_picture(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of three colours, and for each pixel which channel is its brightest."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(0, 3, SIZE)
    pixels = generator.integers(0, 100, (*SIZE, 3))
    np.put_along_axis(pixels, classes[..., None], generator.integers(150, 256, (*SIZE, 1)), 2)
    return pixels.astype(np.uint8), classes
