"""A model is known by its content; names, versions, tags and digits lead to it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from written_manifest import write_manifest

from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.registry import find, list_models, refresh, register, remove, tag
from oxidizedvision.registry.objects import kept


def test_entry_says_what_the_manifest_says(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "out")
    entry = register(path)
    assert entry.sha256 == hashlib.sha256(b"onnx").hexdigest()
    assert entry.id == entry.sha256[:12]
    assert entry.label == "net@1"
    assert entry.model == tmp_path / "out" / "net.onnx"
    assert entry.bytes == 4
    assert entry.inputs[0].dims == ("batch", 3, 8, 8)
    assert entry.formats == ("onnx", "torchscript")
    assert entry.files == ("net.pt", "net.onnx", "net.golden.safetensors")
    assert kept(entry.snapshot) == load_manifest(path)
    for target in ("net", "net@1", entry.id, entry.id[:6], entry.sha256, entry.id.upper()):
        assert find(target) == entry


def test_same_content_is_one_entry_and_new_content_another_version(tmp_path: Path) -> None:
    first = register(write_manifest(tmp_path / "a"))
    again = register(write_manifest(tmp_path / "b"))
    assert (again.sha256, again.version) == (first.sha256, 1)
    assert [entry.manifest.parent.name for entry in list_models()] == ["b"]
    other = register(write_manifest(tmp_path / "a", content=b"other"))
    assert other.label == "net@2"
    assert len(list_models()) == 2


def test_a_version_is_never_given_twice(tmp_path: Path) -> None:
    register(write_manifest(tmp_path / "a", content=b"1"))
    register(write_manifest(tmp_path / "b", content=b"2"))
    remove("net@2")
    assert register(write_manifest(tmp_path / "c", content=b"3")).label == "net@3"


def test_a_new_name_is_the_same_entry_with_its_tags(tmp_path: Path) -> None:
    register(write_manifest(tmp_path / "a", "old"))
    tag("old", "prod")
    entry = register(write_manifest(tmp_path / "b", "new"))
    assert (entry.label, entry.tags) == ("new@1", ("prod",))
    assert [entry.name for entry in list_models()] == ["new"]


def test_unknown_names_are_answered_with_the_nearest(tmp_path: Path) -> None:
    register(write_manifest(tmp_path, "denoiser", b"1"))
    tag("denoiser", "production")
    for target, wanted in (
        ("denoisr", "did you mean 'denoiser'"),
        ("prodction", "did you mean 'production'"),
        ("denoiser@7", "there is denoiser@1"),
        ("zzz", "known: denoiser, production"),
    ):
        with pytest.raises(OxidizedVisionError, match=wanted) as caught:
            find(target)
        assert caught.value.kind is Kind.NOT_FOUND


def test_digits_that_begin_several_are_refused(tmp_path: Path) -> None:
    contents: dict[str, bytes] = {}
    for number in range(1000):
        content = str(number).encode()
        digits = hashlib.sha256(content).hexdigest()[:4]
        if digits in contents:
            break
        contents[digits] = content
    for index, each in enumerate((contents[digits], content)):
        register(write_manifest(tmp_path / str(index), f"net-{index}", each))
    with pytest.raises(OxidizedVisionError, match="begins the ids of 2 models") as caught:
        find(digits)
    assert caught.value.kind is Kind.USAGE
    assert "net-0@1" in caught.value.message
    with pytest.raises(OxidizedVisionError, match="No registered model"):
        find(digits[:3])


def test_refresh_brings_what_is_registered_up_to_date_and_nothing_else(
    tmp_path: Path, home: Path
) -> None:
    path = write_manifest(tmp_path / "a")
    refresh(path)
    assert list_models() == []
    assert not home.exists()
    first = register(path)
    manifest = load_manifest(path)
    manifest.validation = {"passed": True}
    manifest.save(path)
    refresh(path)
    entry = find("net")
    assert entry.snapshot != first.snapshot
    snapshot = kept(entry.snapshot)
    assert snapshot is not None
    assert snapshot.validation == {"passed": True}
    refresh(write_manifest(tmp_path / "copy"))
    assert find("net").manifest == path


def test_refresh_only_warns_of_a_registry_that_cannot_be_read(tmp_path: Path, home: Path) -> None:
    path = write_manifest(tmp_path / "a")
    home.mkdir()
    (home / "registry.json").write_text(json.dumps({"schema_version": 99}))
    with pytest.warns(OxidizedVisionWarning, match="still has net"):
        refresh(path)


@pytest.mark.parametrize("name", ["../evil.onnx", "/etc/passwd", "..", "a/b.onnx"])
def test_a_manifest_that_lists_files_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    path = write_manifest(tmp_path / "a")
    document = json.loads(path.read_text())
    document["stages"][1]["output"]["file"] = name
    path.write_text(json.dumps(document))
    with pytest.raises(OxidizedVisionError, match="not beside it") as caught:
        register(path)
    assert caught.value.kind is Kind.CORRUPT
    assert list_models() == []


def test_a_kept_manifest_that_was_changed_counts_as_gone(tmp_path: Path, home: Path) -> None:
    entry = register(write_manifest(tmp_path / "a"))
    (path,) = (home / "objects").iterdir()
    path.write_bytes(path.read_bytes() + b" ")
    assert kept(entry.snapshot) is None
    assert kept(None) is None
