"""Every test of the registry has its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the registry; not there yet."""
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
