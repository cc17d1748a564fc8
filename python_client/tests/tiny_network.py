"""A tiny network with its config: small enough to convert in a test."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

MODEL = '''
import torch
from torch import nn


class Tiny(nn.Module):
    """Two convolutions around a skip; keeps height and width."""

    def __init__(self, width=4):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.second = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, picture):
        return picture + self.second(torch.relu(self.first(picture)))


class Pair(Tiny):
    """Two outputs of one shape and different values."""

    def forward(self, picture):
        hidden = self.second(torch.relu(self.first(picture)))
        return picture + hidden, picture - 2 * hidden


class Double(nn.Module):
    """What the test's own executable can compute too."""

    def forward(self, picture):
        return picture * 2
'''

CONFIG = """
model:
  path: model.py
  class_name: {class_name}
  input_shape: [1, 3, 8, 12]
export:
  output_dir: {output_dir}
  model_name: tiny
  exporter: torchscript
{more}
"""

DYNAMIC = """  dynamic_axes: {input: {0: batch, 2: height, 3: width}}
preprocess: {color: rgb}
postprocess: {kind: image}
"""


@dataclass(frozen=True)
class Artifact:
    """A converted project: `config` names `folder / "out"` as its output folder."""

    folder: Path
    name: str = "tiny"

    @property
    def config(self) -> Path:
        return self.folder / "config.yml"

    @property
    def manifest(self) -> Path:
        return self._output(".oxv.json")

    @property
    def onnx(self) -> Path:
        return self._output(".onnx")

    @property
    def torchscript(self) -> Path:
        return self._output(".pt")

    @property
    def goldens(self) -> Path:
        return self._output(".golden.safetensors")

    def _output(self, ending: str) -> Path:
        return self.folder / "out" / f"{self.name}{ending}"

    def copy_to(self, folder: Path) -> Artifact:
        """A copy whose config names the copy's own output folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        copy = dataclasses.replace(self, folder=folder)
        text = copy.config.read_text().replace(str(self.folder), str(folder))
        copy.config.write_text(text)
        return copy


def write_project(folder: Path, class_name: str = "Tiny", more: str = DYNAMIC) -> Artifact:
    """Write `model.py` and `config.yml`; nothing is converted yet."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(MODEL)
    text = CONFIG.format(class_name=class_name, output_dir=folder / "out", more=more)
    (folder / "config.yml").write_text(text)
    return Artifact(folder)
