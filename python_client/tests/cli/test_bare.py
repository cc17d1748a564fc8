"""With the client alone installed, every verb says what it lacks; Ctrl-C counts from the start."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tiny_network import Artifact

MISSING = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise {error}(name)

sys.meta_path.insert(0, Missing())
sys.argv = ["oxidizedvision", *sys.argv[1:]]
from oxidizedvision.cli import main
main()
"""
BARE = MISSING.format(
    names=("torch", "onnx", "onnxruntime", "onnxslim", "oxidizedvision_native"),
    error="ModuleNotFoundError",
)


@pytest.mark.parametrize("verb", ["validate", "benchmark", "profile", "optimize"])
def test_an_onnx_file_with_no_engine_installed(verb: str, tiny: Artifact) -> None:
    before = tiny.manifest.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", BARE, verb, str(tiny.onnx)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert "install" in done.stderr.partition("hint:")[2]
    assert tiny.manifest.read_bytes() == before


def test_converting_with_the_client_alone(tiny: Artifact) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BARE, "convert", str(tiny.config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "pip install 'oxidizedvision[torch]'" in done.stderr


def test_control_c_while_it_starts() -> None:
    code = MISSING.format(names=("typer",), error="KeyboardInterrupt")
    done = subprocess.run(
        [sys.executable, "-c", code, "backends"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
