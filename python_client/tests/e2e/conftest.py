"""Fixtures of the end-to-end tests: the denoiser example, run once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from oxidizedvision.package.build import target_folder
from oxidizedvision.pipeline import PipelineOptions, PipelineResult, run

REPOSITORY = Path(__file__).resolve().parents[3]
DENOISER = REPOSITORY / "examples" / "denoiser"


def cargo(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Cargo in a folder, with the engines that are compiled already."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target_folder())}
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
