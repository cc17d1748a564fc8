"""Small networks with their configs, written where a test wants them."""

from __future__ import annotations

from pathlib import Path

HEAD = """
import torch
from torch import nn
"""

CONV = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))
"""
)

DYNAMIC = "  dynamic_axes: {input: {0: batch, 2: height, 3: width}}\n"


def project(
    folder: Path,
    code: str = CONV,
    *,
    shape: tuple[int, ...] = (1, 3, 16, 16),
    model: str = "",
    export: str = "",
    class_name: str = "Net",
) -> Path:
    """Write `model.py` and `config.yml`; gives the config. Output goes to `folder / out`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(code)
    config = folder / "config.yml"
    if "exporter" not in export:
        export = "  exporter: torchscript\n" + export  # the quickest, where it is not the point
    config.write_text(
        f"model:\n  path: model.py\n  class_name: {class_name}\n  input_shape: {list(shape)}\n"
        f"{model}export:\n  output_dir: {folder / 'out'}\n  model_name: net\n{export}"
    )
    return config
