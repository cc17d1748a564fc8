"""A crate stands in the manifest that it was made from, with what it holds."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest
from tiny_network import Artifact

from oxidizedvision.core.crates import MARK, crate_files, crate_sha256
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.package import build, package, record
from oxidizedvision.registry import describe, find, list_models, register


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    # What Cargo cuts from the lock is of no interest here.
    monkeypatch.setattr(build, "find_cargo", lambda: None)


def test_the_manifest_names_the_crate_and_the_registry_its_engine(
    tiny: Artifact, tmp_path: Path
) -> None:
    register(tiny.manifest)
    result = package(tiny.onnx, output=tmp_path / "crate", engine="rten")
    (recorded,) = load_manifest(tiny.manifest).packages
    assert (tiny.manifest.parent / recorded.path).resolve() == tmp_path / "crate"
    assert recorded.sha256 == crate_sha256(tmp_path / "crate")
    assert recorded.model_sha256 == sha256_of(tiny.onnx)
    assert (recorded.engine, recorded.bytes) == ("rten", result.bytes)
    assert find("tiny").engines == ("rten",)
    crate = next(item for item in describe("tiny").lineage if item.role == "crate")
    assert (crate.status, crate.made_from) == ("present", recorded.model_sha256)
    assert load_manifest(tmp_path / "crate" / MARK).packages == []


def test_a_crate_in_the_same_place_takes_the_place_of_the_record(
    tiny: Artifact, tmp_path: Path
) -> None:
    for engine in ("rten", "tract"):
        package(tiny.onnx, output=tmp_path / "crate", engine=engine)
    package(tiny.onnx, output=tmp_path / "other", engine="rten")
    packages = load_manifest(tiny.manifest).packages
    assert [(Path(p.path).name, p.engine) for p in packages] == [
        ("crate", "tract"),
        ("other", "rten"),
    ]
    assert list_models() == []


def test_a_crate_that_is_not_finished_leaves_no_wrong_record(
    tiny: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tiny.onnx, output=tmp_path / "crate", engine="rten")

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    module = importlib.import_module("oxidizedvision.package")
    monkeypatch.setattr(module, "record_package", cut_off)
    with pytest.raises(KeyboardInterrupt):
        package(tiny.onnx, output=tmp_path / "crate", engine="tract")
    assert load_manifest(tiny.manifest).packages == []
    assert "runner_tract" in (tmp_path / "crate" / "Cargo.toml").read_text()


def test_a_manifest_that_cannot_be_written_is_told_and_the_crate_is_whole(
    tiny: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OxidizedVisionError(Kind.FILE_SYSTEM, "net.oxv.json: Read-only file system", "Wait.")

    monkeypatch.setattr(record, "update_manifest", refused)
    with pytest.warns(OxidizedVisionWarning, match="not recorded: .*Read-only"):
        package(tiny.onnx, output=tmp_path / "crate", engine="rten")
    assert (tmp_path / "crate" / MARK).is_file()


def test_the_digest_knows_names_and_contents_and_nothing_that_cargo_built(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.rs").write_text("fn main() {}")
    before = crate_sha256(tmp_path)
    for built in ("target", "bin"):
        (tmp_path / built).mkdir()
        (tmp_path / built / "file").write_text("built")
    assert crate_sha256(tmp_path) == before
    assert [path.name for path in crate_files(tmp_path)] == ["main.rs"]
    shutil.move(tmp_path / "src" / "main.rs", tmp_path / "src" / "lib.rs")
    assert crate_sha256(tmp_path) != before
