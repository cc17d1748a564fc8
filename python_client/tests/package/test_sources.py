"""The runtime crates are copied whole, and nothing in the copy leads back to the repository."""

import tomllib
from pathlib import Path

import pytest
import tomlkit

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.package import ENGINES
from oxidizedvision.package.library import LibraryKind
from oxidizedvision.package.names import crate_name
from oxidizedvision.package.program import ProgramKind
from oxidizedvision.package.server import ServerKind
from oxidizedvision.package.sources import closure, copy_runtime, rust_root, workspace_document

RUNTIME = {*ProgramKind.runtime, *LibraryKind.runtime, *ServerKind.runtime}


def _roots(engine: str) -> tuple[str, ...]:
    return (*sorted(RUNTIME), ENGINES[engine].crate)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_copy_has_only_what_the_engine_needs(engine: str, tmp_path: Path) -> None:
    crates = copy_runtime(tmp_path, *_roots(engine))
    others = {other.crate for name, other in ENGINES.items() if name != engine}
    assert ENGINES[engine].crate in crates
    assert not others & {path.name for path in tmp_path.iterdir()}
    for crate in crates:
        assert (tmp_path / crate / "src" / "lib.rs").is_file()
        manifest = tomllib.loads((tmp_path / crate / "Cargo.toml").read_text())
        assert "dev-dependencies" not in manifest


@pytest.mark.parametrize("engine", ENGINES)
def test_no_path_leaves_the_crate(engine: str, tmp_path: Path) -> None:
    crates = copy_runtime(tmp_path, *_roots(engine))
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


@pytest.mark.parametrize("engine", ["tract", "rten"])
def test_profiles_are_those_of_the_workspace(engine: str) -> None:
    """Only then does Cargo reuse the engines that are compiled already."""
    here = tomllib.loads((rust_root() / "Cargo.toml").read_text())["profile"]
    document = workspace_document(("runner_core", f"runner_{engine}"))
    there = tomllib.loads(tomlkit.dumps(document))["profile"]
    assert there == here
    assert "package" not in str(there), "of a crate that is not there Cargo warns at every build"


def test_only_dependencies_in_use_are_listed(tmp_path: Path) -> None:
    crates = copy_runtime(tmp_path, *_roots("rten"))
    listed = tomllib.loads(tomlkit.dumps(workspace_document(crates)))["workspace"]["dependencies"]
    assert "rten" in listed
    assert not {"tract-onnx", "pyo3", "runner_tract"} & set(listed)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_copy_is_closed_and_the_wheel_carries_it(engine: str) -> None:
    """A crate that another one names is copied too, and no copy is a crate's own name."""
    crates = set(closure(*_roots(engine)))
    ours = {path.name for path in (rust_root() / "crates").iterdir()}
    for crate in crates:
        manifest = tomllib.loads((rust_root() / "crates" / crate / "Cargo.toml").read_text())
        assert set(manifest["dependencies"]) & ours <= crates
        with pytest.raises(OxidizedVisionError):
            crate_name(crate)
    project = Path(__file__).parents[2] / "pyproject.toml"
    wheel = tomllib.loads(project.read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert crates <= {Path(source).name for source in wheel["force-include"]}
