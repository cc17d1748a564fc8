"""Files that belong together appear together, whenever the process that moves them is killed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest

from benchmarks.soak.killing import Moment, run
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.publish import (
    awaited_folders,
    finish,
    journal_of,
    publish,
    working_folder,
)

NAMES = ("net.pt", "net.onnx", "net.oxv.json")
DROPPED = "net.optimized.onnx"


def write_all(folder: Path, text: str) -> None:
    for name in NAMES:
        (folder / name).write_text(text)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with a published result."""
    folder = tmp_path / "out"
    folder.mkdir()
    write_all(folder, "old")
    (folder / DROPPED).write_text("old")
    return folder


def publish_new(out: Path) -> None:
    with working_folder(out, "convert") as folder:
        write_all(folder, "new")
        publish(folder, NAMES, out / "net.oxv.json", {DROPPED: digest("old")})


def contents(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in out.iterdir() if path.is_file()}


OLD = {**dict.fromkeys(NAMES, "old"), DROPPED: "old"}
NEW = dict.fromkeys(NAMES, "new")


def test_all_are_moved_and_nothing_else_is_left(out: Path) -> None:
    publish_new(out)
    assert contents(out) == NEW
    assert {path.name for path in out.iterdir()} == set(NEW)


def test_killed_at_every_step_it_is_all_old_or_all_new(tmp_path: Path, out: Path) -> None:
    steps = run(lambda: publish_new(out)).steps
    assert steps > 10
    seen = set()
    for step in range(1, steps + 1):
        write_all(out, "old")
        (out / DROPPED).write_text("old")
        ended = run(lambda: publish_new(out), Moment(step=step))
        assert ended.killed, step
        finish(out / "net.oxv.json")
        state = contents(out)
        visible = {name: text for name, text in state.items() if not name.startswith(".")}
        assert visible in (OLD, NEW), (step, visible)
        assert not journal_of(out / "net.oxv.json").exists()
        seen.add(visible["net.pt"])
    assert seen == {"old", "new"}


def test_ctrl_c_after_the_decision_finishes_it(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, calls = Path.replace, []

    def interrupted(self: Path, target: Path) -> Path:
        calls.append(self)
        if self.name == "net.onnx" and len(calls) < 4:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publish_new(out)
    assert contents(out) == NEW


def test_an_error_before_the_decision_changes_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OxidizedVisionError, match="No space left") as caught:
        publish_new(out)
    assert caught.value.kind is Kind.FILE_SYSTEM
    assert contents(out) == OLD
    assert {path.name for path in out.iterdir()} == set(OLD)


def test_a_folder_in_the_way_is_found_before_anything_moves(out: Path) -> None:
    (out / "net.onnx").unlink()
    (out / "net.onnx").mkdir()
    with pytest.raises(OxidizedVisionError, match=r"net\.onnx is a folder"):
        publish_new(out)
    assert (out / "net.pt").read_text() == "old"


def test_a_file_that_is_another_by_now_is_not_dropped(out: Path) -> None:
    (out / DROPPED).write_text("mine")
    publish_new(out)
    assert contents(out) == {**NEW, DROPPED: "mine"}


def write_journal(out: Path, **changed: object) -> Path:
    document = {"schema_version": 1, "from": ".oxv-x", "files": [], "drop": {}, **changed}
    journal = journal_of(out / "net.oxv.json")
    journal.write_text(json.dumps(document))
    return journal


@pytest.mark.parametrize(
    "changed",
    [
        {"from": "../photos"},
        {"from": "photos"},
        {"from": ".oxv-x/../../photos"},
        {"files": ["../photos/a.png"]},
        {"files": ["/etc/hostname"]},
        {"files": [".."]},
        {"files": ["a\0b"]},
        {"files": [3]},
        {"drop": {"../photos/a.png": digest("photo")}},
        {"drop": ["net.pt"]},
        {"schema_version": 2},
        {"from": None},
    ],
)
def test_a_journal_reaches_nothing_outside_its_folder(
    out: Path, changed: dict[str, object]
) -> None:
    photos = out.parent / "photos"
    photos.mkdir()
    (photos / "a.png").write_text("photo")
    (out / "photos").mkdir()
    (out / "photos" / "b.png").write_text("photo")
    write_journal(out, **changed)
    with pytest.raises(OxidizedVisionError, match="is damaged") as caught:
        finish(out / "net.oxv.json")
    assert caught.value.kind is Kind.CORRUPT
    assert (photos / "a.png").read_text() == (out / "photos" / "b.png").read_text() == "photo"
    assert {k: v for k, v in contents(out).items() if k in OLD} == OLD
    assert awaited_folders(out) == set()


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"schema_version": 1}', "[" * 100_000])
def test_a_damaged_journal_is_told(out: Path, content: str) -> None:
    write_journal(out).write_text(content)
    with pytest.raises(OxidizedVisionError, match="is damaged"):
        finish(out / "net.oxv.json")


def test_a_working_folder_that_is_awaited_is_not_cleared_away(out: Path) -> None:
    with working_folder(out, "convert") as folder:
        write_all(folder, "new")
        write_journal(out, **{"from": folder.name, "files": list(NAMES)})
    assert folder.is_dir()
    finish(out / "net.oxv.json")
    assert contents(out) == {**NEW, DROPPED: "old"}
    assert not folder.exists()


def test_a_folder_that_cannot_be_looked_into_is_left_to_who_reads_it(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "exists", refused)
    finish(out / "net.oxv.json")


def test_a_publication_that_cannot_be_finished_waits(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def refused(self: Path, target: Path) -> Path:
        if self.name == "net.onnx":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refused)
        with pytest.raises(OxidizedVisionError, match="Permission denied"):
            publish_new(out)
    assert (out / "net.onnx").read_text() == "old"
    finish(out / "net.oxv.json")
    assert contents(out) == NEW
    assert {path.name for path in out.iterdir()} == set(NEW)
