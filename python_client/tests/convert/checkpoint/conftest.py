"""Most tests read in this process: another one takes seconds to start. Some are about that one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oxidizedvision.convert.checkpoint import process
from oxidizedvision.convert.checkpoint.worker import ANSWER, Request, serve


@pytest.fixture(autouse=True)
def _read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "own_process" in request.fixturenames:
        return

    def ask(_: Path, asked: Request, folder: Path) -> dict[str, Any]:
        assert not asked.trust
        serve(asked)
        answer: dict[str, Any] = json.loads((folder / ANSWER).read_text())
        return answer

    monkeypatch.setattr(process, "_ask", ask)


@pytest.fixture
def own_process() -> None:
    """Read in another process, as users do."""
