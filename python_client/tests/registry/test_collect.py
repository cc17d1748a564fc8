"""`gc` clears away what nothing refers to and no living process is writing, and no more."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from written_manifest import write_manifest

from oxidizedvision.core.claims import claimed_file, claimed_folder
from oxidizedvision.core.manifest import PackageRecord, load_manifest
from oxidizedvision.core.publish import journal_of
from oxidizedvision.registry import collect_garbage, list_models, register, tag
from oxidizedvision.registry.leftovers import OLD_SECONDS


def left(folder: Path, name: str = ".oxv-net-abc.onnx", age: float = 0.0) -> Path:
    """A file that a killed process left."""
    path = folder / name
    path.write_bytes(b"half")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_nothing_to_do(tmp_path: Path, home: Path) -> None:
    assert collect_garbage().files == ()
    assert not home.exists()
    register(write_manifest(tmp_path / "out"))
    before = (home / "registry.json").read_bytes()
    report = collect_garbage()
    assert (report.entries, report.files, report.problems) == ((), (), ())
    assert (home / "registry.json").read_bytes() == before


@pytest.mark.parametrize("gone", ["folder", "manifest", "model", "replaced"])
def test_entries_whose_files_are_gone(tmp_path: Path, gone: str) -> None:
    out = tmp_path / "out"
    register(write_manifest(out))
    register(write_manifest(tmp_path / "other", "other", b"other"))
    if gone == "folder":
        shutil.rmtree(out)
    elif gone == "replaced":
        write_manifest(out, content=b"new")
    else:
        (out / ("net.oxv.json" if gone == "manifest" else "net.onnx")).unlink()
    planned = collect_garbage(dry_run=True)
    assert len(list_models()) == 2
    report = collect_garbage()
    assert report.entries == planned.entries
    assert [entry.name for entry in report.entries] == ["net"]
    assert [file.path for file in report.files] == [file.path for file in planned.files]
    assert [file.reason for file in report.files] == ["no entry names it"]
    assert [entry.name for entry in list_models()] == ["other"]


def test_an_entry_with_a_tag_stays(tmp_path: Path) -> None:
    register(write_manifest(tmp_path / "out"))
    tag("net", "prod")
    shutil.rmtree(tmp_path / "out")
    report = collect_garbage()
    assert report.entries == ()
    assert [entry.reason for entry in report.kept_entries] == ["its manifest is gone"]
    assert len(list_models()) == 1


@pytest.mark.parametrize("damage", ["broken", "forbidden"])
def test_an_entry_of_which_nothing_can_be_told_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    path = write_manifest(tmp_path / "out")
    register(path)
    if damage == "broken":
        path.write_text("{")
    else:
        stat = Path.stat

        def forbidden(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
            if self == path:
                raise PermissionError(13, "Permission denied")
            return stat(self, follow_symlinks=follow_symlinks)

        monkeypatch.setattr(Path, "stat", forbidden)
    assert collect_garbage().entries == ()
    assert len(list_models()) == 1


def test_leftovers_of_killed_processes_go_and_the_users_files_stay(
    tmp_path: Path, home: Path
) -> None:
    out = tmp_path / "out"
    crate = PackageRecord(
        path="../crates/net",
        name="net",
        engine="rten",
        created="",
        model_sha256="0",
        sha256="0",
        bytes=1,
    )
    register(write_manifest(out, packages=(crate,)))
    crates = tmp_path / "crates"
    (crates / "net" / "bin").mkdir(parents=True)
    leftovers = [left(folder) for folder in (home, home / "objects", out, crates / "net" / "bin")]
    for name in (".oxv-package-abc", ".oxv-package-abc-old"):
        leftovers.append(crates / name)
        (crates / name / "src").mkdir(parents=True)
        left(crates / name / "src", "main.rs")
    kept = [left(out, name) for name in (".hidden", ".git", "oxv-net", "net.tmp")]
    other = tmp_path / "other"
    other.mkdir()
    kept.append(left(other))
    planned = collect_garbage(dry_run=True)
    assert all(path.exists() for path in leftovers)
    report = collect_garbage()
    assert {file.path for file in report.files} == set(leftovers)
    assert planned.files == report.files
    assert report.bytes == 6 * len(b"half")
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in kept)


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    register(write_manifest(out))
    claimed = [claimed_file(out, "net", ".onnx"), claimed_folder(out, "convert")]
    report = collect_garbage()
    assert report.files == ()
    assert {file.reason for file in report.kept_files} == {"a process is writing it"}
    assert all(path.exists() for path, _ in claimed)
    for _, claim in claimed:
        claim.close()
    assert len(collect_garbage().files) == 2


def test_folders_that_nobody_claims_go_when_they_are_old(tmp_path: Path) -> None:
    out = tmp_path / "out"
    register(write_manifest(out))
    folder = out / ".convert-abcd_123"
    folder.mkdir()
    left(folder, "net.onnx")
    assert collect_garbage().files == ()
    left(folder, "net.onnx", OLD_SECONDS + 60)
    then = time.time() - OLD_SECONDS - 60
    os.utime(folder, (then, then))
    assert [file.path for file in collect_garbage().files] == [folder]


def test_without_locks_only_what_is_old_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import fcntl

    out = tmp_path / "out"
    register(write_manifest(out))
    old, young = left(out, ".oxv-old", OLD_SECONDS + 60), left(out, ".oxv-young")

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    report = collect_garbage()
    assert [file.path for file in report.files] == [old]
    assert young.exists()


def test_a_symbolic_link_leads_nowhere(tmp_path: Path) -> None:
    out = tmp_path / "out"
    register(write_manifest(out))
    precious = tmp_path / "precious"
    precious.mkdir()
    left(precious, "file")
    (out / ".oxv-link").symlink_to(precious)
    assert [file.reason for file in collect_garbage().kept_files] == ["it is a symbolic link"]
    assert (precious / "file").exists()


def test_what_was_decided_is_finished_first(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = write_manifest(out)
    register(path)
    working = out / ".oxv-convert-abc"
    new = write_manifest(working, content=b"new")
    names = '["net.pt", "net.onnx", "net.golden.safetensors", "net.oxv.json"]'
    journal_of(path).write_text(
        f'{{"schema_version": 1, "from": "{working.name}", "files": {names}, "drop": {{}}}}'
    )
    assert load_manifest(new).stages
    assert collect_garbage(dry_run=True).files == ()
    assert collect_garbage().problems == ()
    assert (out / "net.onnx").read_bytes() == b"new"
    assert not working.exists()


def test_a_journal_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "out")
    register(path)
    journal_of(path).write_text("{")
    (problem,) = collect_garbage().problems
    assert "is damaged" in problem
    assert len(list_models()) == 1
