"""Help and import are quick, because nothing heavy is imported for them."""

from __future__ import annotations

import resource
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


def test_help_takes_under_a_third_of_a_second_of_processor() -> None:
    taken = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "oxidizedvision", "--help"], capture_output=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < 0.3
