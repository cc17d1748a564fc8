"""A claim tells what a living process is writing from what a killed one left."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from oxidizedvision.core import claims
from oxidizedvision.core.claims import PREFIX, Claim, claimed_file, claimed_folder, folder_lock
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import atomic_path

FORK = multiprocessing.get_context("fork")


def without_flock(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.parametrize("make", ["file", "folder"])
def test_what_is_claimed_is_taken_until_it_is_given_up(tmp_path: Path, make: str) -> None:
    path, claim = (
        claimed_file(tmp_path, "net", ".onnx")
        if make == "file"
        else claimed_folder(tmp_path, "net")
    )
    assert path.name.startswith(f"{PREFIX}net-")
    assert claim.answer == "ours"
    assert Claim.of(path).answer == "taken"
    claim.close()
    claim.close()
    assert Claim.of(path).answer == "ours"


def test_a_claim_ends_with_a_killed_process(tmp_path: Path) -> None:
    reader, writer = FORK.Pipe()

    def claim_and_wait() -> None:
        writer.send(str(claimed_folder(tmp_path, "work")[0]))
        signal.pause()

    process = FORK.Process(target=claim_and_wait)
    process.start()
    path = Path(reader.recv())
    assert Claim.of(path).answer == "taken"
    process.kill()
    process.join()
    claim = Claim.of(path)
    assert claim.answer == "ours"
    assert claim.is_of(path)


@pytest.mark.parametrize("instant", ["of", "lock"])
def test_what_was_cleared_away_before_the_claim_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    """`gc` may come between making a file and opening it, or between that and the lock."""
    cleared: list[Path] = []

    def clear_once() -> None:
        if not cleared:
            cleared.extend(tmp_path.iterdir())
            cleared[0].unlink()

    of, lock = Claim.of, claims._lock

    def of_cleared(path: Path) -> Claim:
        clear_once()
        return of(path)

    def locked_cleared(handle: int) -> claims.Answer:
        clear_once()
        return lock(handle)

    if instant == "of":
        monkeypatch.setattr(Claim, "of", of_cleared)
    else:
        monkeypatch.setattr(claims, "_lock", locked_cleared)
    path, claim = claimed_file(tmp_path, "net", "")
    assert path.exists()
    assert path not in cleared
    assert claim.is_of(path)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_nobody_can_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    without_flock(monkeypatch, code)
    path, claim = claimed_file(tmp_path, "net", ".onnx")
    assert claim.answer == "unknown"
    assert Claim.of(path).answer == "unknown"
    with folder_lock(tmp_path), folder_lock(tmp_path):
        pass


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert Claim.of(tmp_path / "link").answer == "unknown"
    with pytest.raises(FileNotFoundError):
        Claim.of(tmp_path / "nothing")


def test_a_temporary_file_is_claimed_while_it_is_written(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.json") as temporary:
        assert temporary.name.startswith(PREFIX)
        assert Claim.of(temporary).answer == "taken"
        temporary.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_is_published_in_by_one_at_a_time(tmp_path: Path) -> None:
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    entered = threading.Event()

    def other() -> None:
        with folder_lock(link):
            entered.set()

    thread = threading.Thread(target=other)
    with folder_lock(tmp_path), folder_lock(tmp_path / "." / ""):
        thread.start()
        assert not entered.wait(0.2)
    thread.join(timeout=10)
    assert entered.is_set()


def test_a_lock_held_for_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "WAIT_SECONDS", 0.05)
    held = Claim.of(tmp_path)
    with (
        pytest.raises(OxidizedVisionError, match="has been publishing") as caught,
        folder_lock(tmp_path),
    ):
        pass
    assert caught.value.kind is Kind.FILE_SYSTEM
    held.close()
