"""ONNX Runtime collects nothing unless the user wants it to, OpenVINO nothing at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_LOADS = (
    "import os; from oxidizedvision.core.lazy import require; require('onnxruntime', 'a test'); "
    "print(os.environ['ORT_DISABLE_TELEMETRY'])"
)


@pytest.mark.parametrize(("wanted", "found"), [(None, "1"), ("0", "0")])
def test_telemetry_is_off_unless_the_user_says_otherwise(
    tmp_path: Path, wanted: str | None, found: str
) -> None:
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    variables.pop("ORT_DISABLE_TELEMETRY", None)
    if wanted is not None:
        variables["ORT_DISABLE_TELEMETRY"] = wanted
    said = subprocess.check_output((sys.executable, "-c", _LOADS), env=variables, text=True)
    assert said.strip() == found
    if found == "1":
        assert not list(tmp_path.iterdir())


def test_openvino_is_loaded_without_its_telemetry(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    loads = (
        "import sys; from oxidizedvision.core.lazy import openvino; openvino().Core(); "
        "print([name for name in sys.modules if name.startswith('openvino_telemetry.')])"
    )
    variables = {**os.environ, "HOME": str(tmp_path)}
    variables.pop("CI", None)
    said = subprocess.check_output((sys.executable, "-c", loads), env=variables, text=True)
    assert said.strip() == "[]"
    assert not list(tmp_path.iterdir())


def test_nothing_of_ours_imports_openvino_with_its_telemetry() -> None:
    root = Path(__file__).resolve().parents[3]
    plain = re.compile(r"^\s*(import openvino\b|from openvino\b)", re.MULTILINE)
    ours = (root / "python_client" / "oxidizedvision", root / "benchmarks")
    files = [file for folder in ours for file in folder.rglob("*.py")]
    assert len(files) > 200
    assert [file.name for file in files if plain.search(file.read_text())] == []
