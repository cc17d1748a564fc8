"""A crate takes the place of an older one whole, and never carries the older one's program."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.package import place
from oxidizedvision.package.build import _only_build
from oxidizedvision.package.place import exchange, placed


def crate(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "Cargo.toml").write_text(text)
    return folder


@pytest.fixture(params=["exchanged", "renamed"])
def swap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of swapping: in one step, and where the system has no such step."""
    if request.param == "renamed":
        monkeypatch.setattr(place, "exchange", lambda *_: False)


@pytest.mark.usefixtures("swap")
def test_what_cargo_compiled_stays_and_the_old_program_goes(tmp_path: Path) -> None:
    folder = crate(tmp_path / "crate", "old")
    for built in ("target", "bin"):
        (folder / built).mkdir()
        (folder / built / "file").write_text("old")
    with placed(folder) as staging:
        (staging / "Cargo.toml").write_text("new")
    assert sorted(path.name for path in folder.iterdir()) == ["Cargo.toml", "target"]
    assert (folder / "Cargo.toml").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["crate"]


def test_an_end_in_the_middle_leaves_the_old_crate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = crate(tmp_path / "crate", "old")
    rename = Path.rename
    monkeypatch.setattr(place, "exchange", lambda *_: False)

    def interrupted(self: Path, target: Path) -> Path:
        if target == folder and not self.name.endswith("-old"):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), placed(folder) as staging:
        (staging / "Cargo.toml").write_text("new")
    assert (folder / "Cargo.toml").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["crate"]


def test_a_failure_while_it_is_made_leaves_the_old_crate(tmp_path: Path) -> None:
    folder = crate(tmp_path / "crate", "old")
    with pytest.raises(ZeroDivisionError), placed(folder):
        raise ZeroDivisionError
    assert (folder / "Cargo.toml").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["crate"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges in one step")
def test_linux_exchanges_in_one_step(tmp_path: Path) -> None:
    one, other = crate(tmp_path / "one", "1"), crate(tmp_path / "other", "2")
    assert exchange(one, other)
    assert (one / "Cargo.toml").read_text() == "2"
    assert (other / "Cargo.toml").read_text() == "1"
    assert not exchange(one, tmp_path / "nothing")


def test_two_builds_in_one_target_folder_take_turns(tmp_path: Path) -> None:
    with _only_build(tmp_path / "target"):
        other = threading.Thread(target=_build_too, args=(tmp_path / "target",))
        other.start()
        other.join(timeout=0.3)
        assert other.is_alive()
    other.join(timeout=10)
    assert not other.is_alive()


def _build_too(target: Path) -> None:
    with FileLock(target / ".oxidizedvision.lock", thread_local=False):
        pass


def test_files_that_cannot_be_copied_are_told_once(tmp_path: Path) -> None:
    causes = [(f"src/{index}.rs", "to", "[Errno 28] No space left on device") for index in range(9)]
    with pytest.raises(OxidizedVisionError) as caught, file_errors(tmp_path / "crate"):
        raise shutil.Error(causes)
    assert caught.value.kind is Kind.FILE_SYSTEM
    assert caught.value.message == f"{tmp_path / 'crate'}: [Errno 28] No space left on device"
