"""The optimised file and its place in the manifest appear together, whenever the process ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_network import Artifact

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.soak.killing import Moment, run
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import FileRecord, Stage, load_manifest, update_manifest
from oxidizedvision.optimize import publication
from oxidizedvision.optimize.publication import Made
from oxidizedvision.registry import find, register


def put(tiny: Artifact, content: bytes | None) -> None:
    """What `optimize` does once it has the better file, or knows that there is none."""
    target = tiny.onnx.with_name("tiny.optimized.onnx")
    made = [] if content is None else [made_of("optimize", target, content)]
    publication.put(tiny.manifest, tiny.onnx, made)


def made_of(stage: Any, target: Path, content: bytes) -> Made:
    return Made(stage, "onnxslim", target, content, {}, {}, 0.0)


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


def stages_of(tiny: Artifact) -> list[tuple[str, str | None]]:
    """Of the ONNX files: each stage, and the stage whose file it was made from."""
    stages = load_manifest(tiny.manifest).stages
    names = {stage.output.sha256: stage.name for stage in stages}
    return [
        (stage.name, names.get(stage.input_sha256 or ""))
        for stage in stages
        if stage.name != "torchscript"
    ]


def test_a_smaller_precision_stands_behind_what_it_was_made_from(tiny: Artifact) -> None:
    simple = made_of("optimize", tiny.onnx.with_name("tiny.optimized.onnx"), b"simple")
    int8 = made_of("int8", tiny.onnx.with_name("tiny.int8.onnx"), b"int8")
    fp16 = made_of("fp16", tiny.onnx.with_name("tiny.fp16.onnx"), b"fp16")
    publication.put(tiny.manifest, tiny.onnx, [simple, int8])
    base = [("onnx", None), ("optimize", "onnx")]
    assert stages_of(tiny) == [*base, ("int8", "optimize")]
    publication.put(tiny.manifest, tiny.onnx, [simple, fp16])
    assert stages_of(tiny) == [*base, ("int8", "optimize"), ("fp16", "optimize")]
    manifest = load_manifest(tiny.manifest)
    assert manifest.head("onnx").file == "tiny.fp16.onnx"
    assert manifest.precision_of("tiny.int8.onnx") == "int8"
    # Of another FP32 file, so the one in FP16 is no longer of this model.
    other = made_of("optimize", simple.target, b"other")
    publication.put(tiny.manifest, tiny.onnx, [other, int8])
    assert stages_of(tiny) == [*base, ("int8", "optimize")]
    assert not fp16.target.exists()
    publication.put(tiny.manifest, tiny.onnx, [])
    assert stages_of(tiny) == base[:1]
    assert not int8.target.exists()


def prepare_from(tiny: Artifact, source: Path, name: str) -> Path:
    """A file that `prepare` would have made of one of the model's, and its stage."""
    file = tiny.onnx.with_name(name)
    file.write_bytes(f"prepared from {source.name}".encode())
    stage = Stage(
        name="prepare",
        tool="ort 0",
        input_sha256=sha256_of(source),
        output=FileRecord.of(file),
        seconds=0.0,
    )
    update_manifest(tiny.manifest, lambda m: m.model_copy(update={"stages": [*m.stages, stage]}))
    return file


def test_what_was_prepared_goes_with_the_file_that_it_stands_for(tiny: Artifact) -> None:
    int8 = made_of("int8", tiny.onnx.with_name("tiny.int8.onnx"), b"int8")
    publication.put(tiny.manifest, tiny.onnx, [int8])
    of_fp32 = prepare_from(tiny, tiny.onnx, "tiny.ort")
    of_int8 = prepare_from(tiny, int8.target, "tiny.int8.ort")
    publication.put(tiny.manifest, tiny.onnx, [int8])
    assert load_manifest(tiny.manifest).precision_of("tiny.int8.ort") == "int8"
    other = made_of("int8", int8.target, b"other int8")
    publication.put(tiny.manifest, tiny.onnx, [other])
    listed = {stage.output.file for stage in load_manifest(tiny.manifest).stages}
    assert listed == {"tiny.pt", "tiny.onnx", "tiny.int8.onnx", "tiny.ort"}
    assert of_fp32.exists()
    assert not of_int8.exists()
