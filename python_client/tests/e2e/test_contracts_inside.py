"""Classes, masks and boxes of a real photograph: from one file as from the Python reference."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from oxidizedvision import convert, package, predict

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:The program of"),  # those of tests are larger
]

NETWORKS = """
import torch
from torch import nn


class Classes(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 7, 5, stride=2)

    def forward(self, x):
        return self.body(x).mean((2, 3)) * 20


class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        return self.body(x)


class Boxes(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 7, 16, stride=16)

    def forward(self, x):
        rows = self.body(x).flatten(2)
        centre, side, scores = rows[:, :2], rows[:, 2:4], rows[:, 4:]
        place = torch.arange(rows.shape[2], dtype=x.dtype) * 2
        return torch.cat([centre + place, side.abs() * 16 + 2, scores.sigmoid()], 1)
"""
FIT = "preprocess:\n  resize: {width: 64, height: 64, mode: fit}\n  mean: [0.5]\n  std: [0.25]\n"
CONTRACTS = {
    "Classes": "postprocess: {kind: classification, top_k: 3, labels: [a, b, c, d, e, f, g]}\n",
    "Pixels": "postprocess: {kind: segmentation}\n",
    "Boxes": "postprocess: {kind: detection, box_axis: 2, box_format: cxcywh, "
    "score_threshold: 0.4}\n",
}


def numbers(value: Any) -> list[float]:
    """Every number of a document, in its order."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [float(value)] if isinstance(value, int | float) else []


def words(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, list):
        return [word for item in value for word in words(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("network", CONTRACTS)
def test_one_file_tells_what_the_reference_tells(
    network: str, photograph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    (tmp_path / "model.py").write_text(NETWORKS)
    config = tmp_path / "config.yml"
    config.write_text(
        f"model:\n  path: model.py\n  class_name: {network}\n  input_shape: [1, 3, 64, 64]\n"
        f"export:\n  output_dir: {tmp_path / 'out'}\n  exporter: torchscript\n"
        f"{FIT}{CONTRACTS[network]}"
    )
    manifest = convert(config).manifest
    program = package(manifest, kind="executable", engine="rten", name="net").path
    ending = "png" if network == "Pixels" else "json"
    ours, theirs = tmp_path / f"ours.{ending}", tmp_path / f"theirs.{ending}"
    done = subprocess.run([program, photograph, ours], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    predict(manifest, photograph, runner="torchscript", output=theirs)
    if ending == "png":
        same = np.asarray(Image.open(ours)) == np.asarray(Image.open(theirs))
        assert same.mean() > 0.999
        return
    told, wanted = (json.loads(path.read_text()) for path in (ours, theirs))
    assert words(told) == words(wanted)
    assert numbers(told) == pytest.approx(numbers(wanted), abs=2e-3)
    assert len(numbers(told)) > 3
