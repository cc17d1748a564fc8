"""The runtime crates are copied whole, and nothing in the copy leads back to the repository."""

import tomllib
from pathlib import Path

import pytest
import tomlkit

from oxidizedvision.package import ENGINES
from oxidizedvision.package.sources import copy_runtime, rust_root, workspace_document


@pytest.mark.parametrize("engine", ENGINES)
def test_the_copy_has_only_what_the_engine_needs(engine: str, tmp_path: Path) -> None:
    crates = copy_runtime(tmp_path, ENGINES[engine].crate)
    others = {other.crate for name, other in ENGINES.items() if name != engine}
    assert ENGINES[engine].crate in crates
    assert not others & {path.name for path in tmp_path.iterdir()}
    for crate in crates:
        assert (tmp_path / crate / "src" / "lib.rs").is_file()
        manifest = tomllib.loads((tmp_path / crate / "Cargo.toml").read_text())
        assert "dev-dependencies" not in manifest


@pytest.mark.parametrize("engine", ENGINES)
def test_no_path_leaves_the_crate(engine: str, tmp_path: Path) -> None:
    crates = copy_runtime(tmp_path, ENGINES[engine].crate)
    workspace = tomllib.loads(tomlkit.dumps(workspace_document(crates)))["workspace"]
    paths = {
        name: entry["path"]
        for name, entry in workspace["dependencies"].items()
        if isinstance(entry, dict) and "path" in entry
    }
    assert paths == {crate: f"runtime/{crate}" for crate in crates}
    assert workspace["members"] == ["runtime/*"]
    texts = [path.read_text() for path in tmp_path.rglob("*.toml")]
    assert not [text for text in texts if ".." in text or str(rust_root()) in text]


def test_profiles_are_those_of_the_workspace() -> None:
    """Only then does Cargo reuse the engines that are compiled already."""
    here = tomllib.loads((rust_root() / "Cargo.toml").read_text())["profile"]
    there = tomllib.loads(tomlkit.dumps(workspace_document(("runner_core", "runner_tract"))))
    assert there["profile"] == here


def test_no_profile_speaks_of_an_engine_that_is_not_there() -> None:
    """Cargo would warn at every build."""
    document = tomllib.loads(tomlkit.dumps(workspace_document(("runner_core", "runner_rten"))))
    assert not [profile for profile in document["profile"].values() if "package" in profile]


def test_only_dependencies_in_use_are_listed(tmp_path: Path) -> None:
    crates = copy_runtime(tmp_path, "runner_rten")
    listed = tomllib.loads(tomlkit.dumps(workspace_document(crates)))["workspace"]["dependencies"]
    assert "rten" in listed
    assert not {"tract-onnx", "pyo3", "runner_tract"} & set(listed)
