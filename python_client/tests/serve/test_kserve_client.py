"""kserve's own v2 REST client gets PyTorch's answers.

The package brings much with it, so it may stand in a folder of its own, which `OXV_KSERVE` names
(`make kserve-client` fills one); the calls run in a process of their own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from served import ROOT, Served

CALLS = Path(__file__).with_name("kserve_calls.py")
FOLDER = Path(os.environ.get("OXV_KSERVE", ROOT / ".tools" / "kserve"))


def client_environment() -> dict[str, str] | None:
    """The environment in which the client can be imported; None where there is none."""
    if importlib.util.find_spec("kserve") is not None:
        return dict(os.environ)
    if not (FOLDER / "kserve").is_dir():
        return None
    return {**os.environ, "PYTHONPATH": f"{FOLDER}{os.pathsep}{Path(__file__).parent}"}


def told(server: Served) -> dict[str, Any]:
    environment = client_environment()
    if environment is None:
        pytest.skip("kserve is not installed: `make kserve-client` puts it into .tools/kserve")
    process = subprocess.run(
        [sys.executable, str(CALLS), server.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )
    assert process.returncode == 0, process.stderr
    document: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return document


def test_the_client_gets_pytorchs_answers(testdata_server: Served) -> None:
    document = told(testdata_server)
    assert document["live"] is document["ready"] is document["model_ready"] is True
    assert document["unknown_model_refused"] is True
    assert document["largest_error"] < 1e-5
    assert document["compared"] >= 4
