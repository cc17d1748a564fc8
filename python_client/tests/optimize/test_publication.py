"""The optimised file and its place in the manifest appear together, whenever the process ends."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from tiny_network import Artifact

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.soak.killing import Moment, run
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.optimize import OptimizeResult
from oxidizedvision.registry import find, register

module = importlib.import_module("oxidizedvision.optimize")


def put(tiny: Artifact, content: bytes | None) -> None:
    """What `optimize` does once it has the better file, or knows that there is none."""
    output = tiny.onnx if content is None else tiny.onnx.with_name("tiny.optimized.onnx")
    result = OptimizeResult(
        model=tiny.onnx,
        output=output,
        nodes_before=2,
        nodes_after=1,
        operators_before={},
        operators_after={},
        bytes_before=2,
        bytes_after=1,
        max_error=0.0,
        kept=content is not None,
        reason="",
        seconds=0.0,
    )
    module._put(tiny.manifest, content, result, {})


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))


def optimised(tiny: Artifact) -> bytes | None:
    """The content of the optimised file that the manifest lists, once it is what is listed."""
    stages = load_manifest(tiny.manifest).stages
    for stage in stages:
        assert sha256_of(tiny.manifest.parent / stage.output.file) == stage.output.sha256
    files = [stage.output.file for stage in stages if stage.name == "optimize"]
    return (tiny.manifest.parent / files[0]).read_bytes() if files else None


@pytest.mark.parametrize("new", [b"new", None])
def test_killed_at_every_step_the_file_is_the_one_that_is_listed(
    tiny: Artifact, new: bytes | None
) -> None:
    register(tiny.manifest)
    put(tiny, b"old")
    steps = run(lambda: put(tiny, new)).steps
    assert steps > 10
    seen = set()
    for step in range(1, steps + 1):
        put(tiny, b"old")
        run(lambda: put(tiny, new), Moment(step=step))
        seen.add(optimised(tiny))
    assert seen == {b"old", new}


def test_the_registry_knows_the_newest_file(tiny: Artifact) -> None:
    register(tiny.manifest)
    put(tiny, b"smaller")
    entry = find("tiny")
    assert (entry.model.name, entry.bytes) == ("tiny.optimized.onnx", 7)
    assert "tiny.optimized.onnx" in entry.files
    put(tiny, None)
    assert find("tiny").model == tiny.onnx
    assert not tiny.onnx.with_name("tiny.optimized.onnx").exists()
