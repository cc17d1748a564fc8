"""The registry loses no entry: not to a second writer, not to a damaged file."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from written_manifest import write_manifest

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.registry import find, list_models, register, registry_path

WRITERS, EACH = 8, 20

WRITE_MANY = """
import sys
from pathlib import Path
from oxidizedvision.registry import register
for manifest in sorted(Path(sys.argv[1]).glob("*.oxv.json")):
    register(manifest)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_entry_says_what_the_manifest_says(tmp_path: Path) -> None:
    entry = register(write_manifest(tmp_path / "out"))
    assert entry.id == hashlib.sha256(b"onnx").hexdigest()[:12]
    assert entry.name == "net"
    assert entry.model == tmp_path / "out" / "net.onnx"
    assert entry.bytes == 4
    assert entry.inputs[0].dims == ("batch", 3, 8, 8)
    assert list_models() == [entry]
    assert find("net") == entry
    assert find(entry.id[:6]) == entry


def test_same_content_updates_and_new_content_adds(tmp_path: Path) -> None:
    first = register(write_manifest(tmp_path / "a"))
    again = register(write_manifest(tmp_path / "b"))
    assert again.id == first.id
    assert [entry.manifest.parent.name for entry in list_models()] == ["b"]
    other = register(write_manifest(tmp_path / "a", content=b"other"))
    assert other.id != first.id
    assert len(list_models()) == 2


def test_name_filter_and_unknown_name(tmp_path: Path) -> None:
    register(write_manifest(tmp_path, "denoiser", b"1"))
    register(write_manifest(tmp_path, "unet", b"2"))
    assert [entry.name for entry in list_models(name="unet")] == ["unet"]
    assert list_models(name="resnet") == []
    with pytest.raises(OxidizedVisionError, match="did you mean 'denoiser'") as caught:
        find("denoisr")
    assert caught.value.kind is Kind.NOT_FOUND


def test_file_is_versioned_json_with_a_copy(tmp_path: Path, home: Path) -> None:
    entry = register(write_manifest(tmp_path))
    document = json.loads((home / "registry.json").read_text())
    assert list(document) == ["schema_version", "entries"]
    assert document["schema_version"] == 1
    assert list(document["entries"]) == [entry.id]
    assert (home / "registry.copy.json").read_bytes() == (home / "registry.json").read_bytes()


def test_writers_in_parallel_lose_nothing(tmp_path: Path) -> None:
    for writer in range(WRITERS):
        for index in range(EACH):
            name = f"net-{writer}-{index}"
            write_manifest(tmp_path / str(writer), name, name.encode())
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITE_MANY, str(tmp_path / str(writer))])
        for writer in range(WRITERS)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0] * WRITERS
    names = {entry.name for entry in list_models()}
    assert names == {f"net-{writer}-{index}" for writer in range(WRITERS) for index in range(EACH)}


DAMAGE = [
    b"",
    b'{"schema_version": 1, "entr',
    b"[]",
    b'{"entries": {}}',
    b'{"schema_version": 1, "entries": {"x": {"id": 3}}}',
    b'{"schema_version": 1}',
    b"\xff\x00",
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_file_is_recovered_from_the_copy_and_kept(
    tmp_path: Path, home: Path, damage: bytes
) -> None:
    first = register(write_manifest(tmp_path, "first", b"1"))
    (home / "registry.json").write_bytes(damage)
    with pytest.warns(OxidizedVisionWarning, match="was damaged"):
        assert list_models() == [first]
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
        assert list_models() == [entry]
    assert list_models() == [entry]


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
    newer = b'{"schema_version": 2, "models": []}'
    (home / "registry.json").write_bytes(newer)
    with pytest.raises(OxidizedVisionError, match="schema_version 2") as caught:
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
    assert list_models() == [entry]
    assert not [path for path in home.iterdir() if path.name.startswith(".")]


def test_home_that_is_a_file_is_a_file_system_error(tmp_path: Path, home: Path) -> None:
    home.write_text("")
    with pytest.raises(OxidizedVisionError) as caught:
        register(write_manifest(tmp_path))
    assert caught.value.exit_code is ExitCode.FILE_SYSTEM


def test_lock_held_for_too_long(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    from oxidizedvision.registry import store

    home.mkdir()
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.1)
    with (
        FileLock(home / "registry.lock"),
        pytest.raises(OxidizedVisionError, match="Another process") as caught,
    ):
        register(write_manifest(tmp_path))
    assert caught.value.kind is Kind.FILE_SYSTEM


def test_default_place_is_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OXIDIZEDVISION_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in registry_path().parents
    assert list_models() == []
