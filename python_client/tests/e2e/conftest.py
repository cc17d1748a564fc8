"""Fixtures of the end-to-end tests: the denoiser example, run once."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from oxidizedvision import predict
from oxidizedvision.package.build import target_folder
from oxidizedvision.pipeline import PipelineOptions, PipelineResult, run

REPOSITORY = Path(__file__).resolve().parents[3]
DENOISER = REPOSITORY / "examples" / "denoiser"


def cargo(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Cargo in a folder, with the engines that are compiled already."""
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(target_folder()),
        **(environment or {}),
    }
    return subprocess.run(
        ["cargo", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real photograph with an odd size."""
    from skimage import data

    path = tmp_path_factory.mktemp("pictures") / "chelsea.png"
    Image.fromarray(data.chelsea()).crop((60, 20, 60 + 213, 20 + 171)).save(path)
    return path


@pytest.fixture(scope="session")
def reference(
    whole_run: PipelineResult, photograph: Path, tmp_path_factory: pytest.TempPathFactory
) -> np.ndarray[Any, Any]:
    """What PyTorch makes of the photograph, by way of the Python client."""
    path = tmp_path_factory.mktemp("reference") / "reference.png"
    predict(whole_run.manifest, photograph, runner="torchscript", output=path)
    return np.asarray(Image.open(path))


def same_picture(made: Path | bytes, reference: np.ndarray[Any, Any]) -> None:
    """A rounding apart at most: engines add in different orders."""
    image = Image.open(io.BytesIO(made) if isinstance(made, bytes) else made)
    given = np.asarray(image).astype(int)
    assert given.shape == reference.shape
    assert np.abs(given - reference.astype(int)).max() <= 1
    assert (given != reference).mean() < 0.001


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the denoiser example whose benchmark is short."""
    folder = tmp_path_factory.mktemp("denoiser") / "example"
    shutil.copytree(DENOISER, folder)
    config = folder / "config.yml"
    text = config.read_text()
    assert "benchmark:" not in text
    config.write_text(f"{text}\nbenchmark:\n  iters: 3\n")
    return config


@pytest.fixture(scope="session")
def whole_run(
    example: Path, photograph: Path, tmp_path_factory: pytest.TempPathFactory
) -> PipelineResult:
    """The whole pipeline on the denoiser, the program built."""
    output = tmp_path_factory.mktemp("out")
    return run(example, options=PipelineOptions(output_dir=output, pictures=(photograph,)))
