"""The trained denoiser, converted once, and a clock that says what a test wants."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest

from oxidizedvision.convert import convert
from oxidizedvision.quantize.report import Timing

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "denoiser"
PAIRS = """
import numpy as np
import skimage.data

def pairs():
    generator = np.random.default_rng(0)
    for name in ("astronaut", "coffee", "chelsea"):
        picture = getattr(skimage.data, name)()[100:228, 60:188, :3].astype(np.float32) / 255
        for left in (0, 64):
            clean = picture[:64, left : left + 64].transpose(2, 0, 1)[None]
            noise = generator.normal(0, 25 / 255, clean.shape)
            yield np.clip(clean + noise, 0, 1), clean

def inputs():
    for noisy, _ in pairs():
        yield noisy

def negative_error(expected, got):
    return -float(np.abs(expected["output"] - got["output"]).mean())

def raising(expected, got):
    raise ValueError("no such metric")
"""


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("denoiser")
    shutil.copytree(EXAMPLE, folder / "project", dirs_exist_ok=True)
    project = folder / "project"
    text = (
        (project / "config.yml")
        .read_text()
        .replace("output_dir: out", f"output_dir: {project}/out")
    )
    (project / "config.yml").write_text(text)
    (project / "pairs.py").write_text(PAIRS)
    convert(project / "config.yml")
    return project


@pytest.fixture
def project(converted: Path, tmp_path: Path) -> Path:
    shutil.copytree(converted, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the harness, which has tests of its own, is to find: by whether a node is quantised."""
    given = {"quantised": 0.5, "weights": 1.0}

    def timed(request: Any, forms: dict[str, bytes], *_: Any, **__: Any) -> dict[str, Timing]:
        del request
        return {name: timing_of(content) for name, content in forms.items()}

    def timing_of(small: bytes) -> Timing:
        nodes = {node.op_type for node in onnx.load_model_from_string(small).graph.node}
        ratio = given[
            "quantised" if {"QuantizeLinear", "DynamicQuantizeLinear"} & nodes else "weights"
        ]
        verdict = (
            "faster" if ratio < 0.97 else "slower" if ratio > 1.03 else "no significant difference"
        )
        return Timing(10.0, 10.0 * ratio, ratio, (ratio, ratio), verdict, 1)

    monkeypatch.setattr(importlib.import_module("oxidizedvision.quantize.choice"), "timed", timed)
    return given
