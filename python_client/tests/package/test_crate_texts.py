"""The texts of generated crates: all places are filled, and names of the model are only names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from tiny_network import Artifact

from oxidizedvision.core.manifest import Spec, load_manifest
from oxidizedvision.package import KINDS
from oxidizedvision.package.chosen import ChosenEngine
from oxidizedvision.package.crate import CrateKind
from oxidizedvision.package.kind import Job
from oxidizedvision.package.sources import closure, workspace_document
from oxidizedvision.package.subject import Subject
from tests.package.test_rust_text import HOSTILE

CRATES = {name: kind for name, kind in KINDS.items() if isinstance(kind, CrateKind)}


def texts(
    artifact: Artifact, kind: str, engine: str = "rten", names: list[str] | None = None
) -> dict[str, str]:
    """The written files of a crate; `names` become those of as many inputs and outputs."""
    subject = Subject.of(artifact.onnx)
    if names is not None:
        specs = [Spec(name=name, dtype="f32", dims=[name, 3]) for name in names]
        manifest = load_manifest(artifact.manifest).model_copy(
            update={"inputs": specs, "outputs": specs, "preprocess": None}
        )
        subject = Subject(subject.model, subject.manifest_path, manifest)
    job = Job(artifact.onnx, subject, "tiny", Path("x"), engine, None, False, None, print)
    row = CRATES[kind]
    template = row.template(job, ChosenEngine(engine, "asked for"))
    return template.files(workspace_document(closure(*template.crates), template.outside))


ROWS = [(kind, engine) for kind, row in CRATES.items() for engine in row.engines]


@pytest.mark.parametrize(("kind", "engine"), ROWS)
def test_every_place_is_filled(tiny_shared: Artifact, kind: str, engine: str) -> None:
    made = texts(tiny_shared, kind, engine)
    for name, text in made.items():
        assert "@{" not in text + name, name
    assert f"runner_{engine}" in made["Cargo.toml"]
    needs = engine in ("ort", "tch", "tensorrt")
    assert ("GPU machine" in made["README.md"] or "NVIDIA GPU" in made["README.md"]) is needs


FILES = {
    "program": {"src/main.rs", "tests/golden.rs"},
    "server": {"src/main.rs", "tests/golden.rs"},
    "library": {
        "src/lib.rs",
        "src/capi.rs",
        "src/python.rs",
        "tests/golden.rs",
        "examples/run.rs",
        "include/tiny.h",
        "cbindgen.toml",
        "pyproject.toml",
        "tiny.pyi",
    },
}


@pytest.mark.parametrize("kind", FILES)
def test_the_files_of_a_kind(tiny_shared: Artifact, kind: str) -> None:
    common = {"Cargo.toml", "Cargo.lock", "README.md", ".gitignore", "clippy.toml"}
    assert set(texts(tiny_shared, kind)) == FILES[kind] | common


def test_a_server_can_be_made_for_tensorrt_and_nothing_else_can() -> None:
    assert [kind for kind, row in CRATES.items() if "tensorrt" in row.engines] == ["server"]


@pytest.mark.parametrize("kind", CRATES)
def test_names_of_the_model_are_text_and_identifiers(tiny_shared: Artifact, kind: str) -> None:
    """Without literals, comments and fields, the code is that of a model with harmless names."""
    hostile = texts(tiny_shared, kind, names=HOSTILE)
    harmless = texts(tiny_shared, kind, names=[f"name_{i}" for i in range(len(HOSTILE))])
    assert set(hostile) == set(harmless)
    for name, text in hostile.items():
        if name.endswith(".rs"):
            assert _bare(text) == _bare(harmless[name]), name
        if name.endswith(".toml"):
            assert tomllib.loads(text) == tomllib.loads(harmless[name])
            assert text == harmless[name]


def _bare(text: str) -> list[str]:
    lines = [re.sub(r'"(?:[^"\\]|\\.)*"', '""', line) for line in text.split("\n")]
    lines = [re.sub(r"^\s*//[/!]?.*", "//", line) for line in lines]
    return [re.sub(r"[a-z][a-z0-9]*(_[a-z0-9]+)*_?", "word", line) for line in lines]
