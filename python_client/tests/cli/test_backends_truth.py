"""`backends` tells the truth on a machine with and without each part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from oxidizedvision.core.engines import RUNNER_NAMES
from oxidizedvision.runners import availability

WITHOUT = """
import importlib.util, sys

def find_spec(name, package=None, found=importlib.util.find_spec):
    return None if name.partition(".")[0] in {names!r} else found(name, package)

importlib.util.find_spec = find_spec
sys.modules.update(dict.fromkeys({names!r}))
sys.argv = ["oxidizedvision", *sys.argv[1:]]
from oxidizedvision.cli import main
main()
"""


def told(*absent: str, **environment: str) -> dict[str, dict[str, Any]]:
    """The rows of `backends --json` in a process without these packages."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(names=absent), "backends", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    return {row["name"]: row for row in document["backends"]}


@pytest.fixture(scope="module")
def whole() -> dict[str, dict[str, Any]]:
    return told()


def test_every_engine_has_a_row_with_a_version_or_a_command(
    whole: dict[str, dict[str, Any]],
) -> None:
    assert tuple(whole) == RUNNER_NAMES
    for name, row in whole.items():
        assert row["status"] in {"ready", "not_built", "missing"}
        ready = row["status"] == "ready"
        assert ready == availability(name).ready
        assert bool(row["version"]) == bool(row["devices"]) == bool(row["dtypes"]) == ready, row
        assert bool(row["hint"]) != ready, row


@pytest.mark.parametrize(
    ("absent", "lost", "command"),
    [
        (("torch",), {"pytorch", "torchscript", "tch"}, "pip install"),
        (("onnxruntime",), {"onnxruntime", "ort"}, "pip install"),
        (("openvino",), {"openvino"}, "pip install openvino"),
        (("oxidizedvision_native_tch",), {"tch"}, "make native"),
        (
            ("oxidizedvision_native",),
            {"tract", "rten", "ort", "openvino", "tensorrt"},
            "make native",
        ),
    ],
)
def test_without_a_package_its_engines_are_not_ready_and_no_other(
    whole: dict[str, dict[str, Any]], absent: tuple[str, ...], lost: set[str], command: str
) -> None:
    rows = told(*absent, ORT_DYLIB_PATH="", OPENVINO_DYLIB_PATH="")
    for name, row in rows.items():
        if name in lost:
            assert row["status"] in {"missing", "not_built"}, row
            assert command in row["hint"], row
        else:
            assert row["status"] == whole[name]["status"], row


@pytest.mark.parametrize(
    ("engine", "variable"), [("ort", "ORT_DYLIB_PATH"), ("openvino", "OPENVINO_DYLIB_PATH")]
)
def test_a_library_that_is_named_and_not_there_is_missing(
    whole: dict[str, dict[str, Any]], engine: str, variable: str, tmp_path: Path
) -> None:
    if whole[engine]["status"] != "ready":
        pytest.skip(whole[engine]["hint"])
    named = tmp_path / "libnone.so"
    row = told(**{variable: str(named)})[engine]
    assert row["status"] == "missing"
    assert str(named) in row["hint"]
    assert variable in row["hint"]
