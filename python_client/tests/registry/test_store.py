"""The registry's file: whole, versioned, and never lost to a damaged copy or a failed write."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from written_manifest import write_manifest

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.registry import list_models, register


def ids() -> list[str]:
    return [entry.id for entry in list_models()]


def test_file_is_versioned_json_with_a_copy(tmp_path: Path, home: Path) -> None:
    entry = register(write_manifest(tmp_path))
    document = json.loads((home / "registry.json").read_text())
    assert list(document) == ["schema_version", "entries", "tags", "versions"]
    assert document["schema_version"] == 2
    assert list(document["entries"]) == [entry.sha256]
    assert (home / "registry.copy.json").read_bytes() == (home / "registry.json").read_bytes()


DAMAGE = [
    b"",
    b'{"schema_version": 2, "entr',
    b"[]",
    b"[" * 100_000,
    b'{"entries": {}}',
    b'{"schema_version": 2, "entries": {"x": {"id": 3}}, "tags": {}, "versions": {}}',
    b'{"schema_version": 2, "entries": {"x": 3}, "tags": {}, "versions": {}}',
    b'{"schema_version": 2, "entries": {}, "tags": {"prod": "x"}, "versions": {}}',
    b'{"schema_version": 2, "entries": {}, "tags": {}}',
    b'{"schema_version": 2}',
    b'{"schema_version": 1}',
    b'{"schema_version": 1, "entries": {"x": {"id": 3}}}',
    b'{"schema_version": 0, "entries": {}}',
    b'{"schema_version": true, "entries": {}}',
    b"\xff\x00",
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_file_is_recovered_from_the_copy_and_kept(
    tmp_path: Path, home: Path, damage: bytes
) -> None:
    first = register(write_manifest(tmp_path, "first", b"1"))
    (home / "registry.json").write_bytes(damage)
    with pytest.warns(OxidizedVisionWarning, match="was damaged"):
        assert ids() == [first.id]
    assert [path.read_bytes() for path in home.glob("*.damaged-*")] == [damage]
    second = register(write_manifest(tmp_path, "second", b"2"))
    assert {entry.id for entry in list_models()} == {first.id, second.id}


def test_registering_over_a_damaged_file_keeps_the_others(tmp_path: Path, home: Path) -> None:
    register(write_manifest(tmp_path, "first", b"1"))
    (home / "registry.json").write_bytes(b"{")
    with pytest.warns(OxidizedVisionWarning):
        register(write_manifest(tmp_path, "second", b"2"))
    assert {entry.name for entry in list_models()} == {"first", "second"}


def test_missing_file_beside_a_copy_is_recovered(tmp_path: Path, home: Path) -> None:
    entry = register(write_manifest(tmp_path))
    (home / "registry.json").unlink()
    with pytest.warns(OxidizedVisionWarning, match="it is missing"):
        assert ids() == [entry.id]
    assert ids() == [entry.id]


def test_two_damaged_files_are_an_error_that_changes_nothing(tmp_path: Path, home: Path) -> None:
    manifest = write_manifest(tmp_path)
    register(manifest)
    for name in ("registry.json", "registry.copy.json"):
        (home / name).write_bytes(b"{")
    for verb in (list_models, lambda: register(manifest)):
        with pytest.raises(OxidizedVisionError, match="is damaged") as caught:
            verb()
        assert caught.value.kind is Kind.CORRUPT
    assert (home / "registry.json").read_bytes() == b"{"


def test_newer_version_is_refused_and_left_alone(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    newer = b'{"schema_version": 3, "models": []}'
    (home / "registry.json").write_bytes(newer)
    with pytest.raises(OxidizedVisionError, match="schema_version 3") as caught:
        register(write_manifest(tmp_path))
    assert caught.value.kind is Kind.UNSUPPORTED
    assert (home / "registry.json").read_bytes() == newer


def test_write_that_fails_leaves_the_old_registry(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = register(write_manifest(tmp_path, "first", b"1"))
    manifest = write_manifest(tmp_path, "second", b"2")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OxidizedVisionError, match="No space left") as caught:
            register(manifest)
    assert caught.value.exit_code is ExitCode.FILE_SYSTEM
    assert ids() == [entry.id]
    assert not [path for path in home.iterdir() if path.name.startswith(".")]
