"""Files to predict on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from oxidizedvision.preprocess import write_picture


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (8, 12, 3), np.uint8)


@pytest.fixture
def picture(tmp_path: Path, pixels: NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.png"
    write_picture(path, pixels)
    return path


@pytest.fixture
def folder(tmp_path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Two pictures, a broken one between them, and what is neither."""
    path = tmp_path / "photos"
    write_picture(path / "a.png", pixels)
    (path / "b.png").write_bytes(b"no picture")
    write_picture(path / "c.webp", pixels[::-1].copy())
    (path / "notes.txt").write_text("hello")
    (path / "older").mkdir()
    return path
