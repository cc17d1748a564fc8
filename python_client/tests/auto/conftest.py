"""A model that is never loaded, and a stand-in for measuring it."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_choice import ENGINES, Stub, row, validated
from written_manifest import write_manifest

from oxidizedvision.benchmark import verb


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    """Every candidate as fast as the other until the test says otherwise."""
    made = Stub(lambda _: {"p50_ms": 10.0})
    monkeypatch.setattr(verb, "measured", made)
    return made


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A manifest by which tract and rten give what PyTorch gives."""
    return validated(write_manifest(tmp_path / "net"), *(row(name) for name in ENGINES))
