"""Help and import are quick, because nothing heavy is imported for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "onnx", "onnxruntime", "numpy", "pydantic", "rich", "ruamel", "PIL")

WATCHED = """
import runpy, sys
sys.argv = ["oxidizedvision", *sys.argv[1:]]
try:
    runpy.run_module("oxidizedvision", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print("loaded:", *(name for name in {heavy!r} if name in sys.modules))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["validate", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = WATCHED.format(heavy=HEAVY)
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert process.stdout.splitlines()[-1].strip() == "loaded:"


def test_package_import_is_light() -> None:
    code = f"import sys, oxidizedvision; print(*(n for n in {HEAVY!r} if n in sys.modules))"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == ""


def test_help_imports_little_of_the_package() -> None:
    """Time follows what is imported, and does not depend on how busy the machine is."""
    code = (
        WATCHED.format(heavy=())
        + 'print(sum(n.startswith("oxidizedvision.") for n in sys.modules))'
    )
    process = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    assert int(process.stdout.splitlines()[-1]) <= 50  # of the package's several hundred
