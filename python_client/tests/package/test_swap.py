"""A crate takes the place of an older one whole, and never carries the older one's program."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.package import _swap_in
from oxidizedvision.package.build import _only_build


def crate(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "Cargo.toml").write_text(text)
    return folder


def test_what_cargo_compiled_stays_and_the_old_program_goes(tmp_path: Path) -> None:
    folder = crate(tmp_path / "crate", "old")
    for built in ("target", "bin"):
        (folder / built).mkdir()
        (folder / built / "file").write_text("old")
    _swap_in(crate(tmp_path / ".staging", "new"), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["Cargo.toml", "target"]
    assert (folder / "Cargo.toml").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["crate"]


def test_an_end_in_the_middle_leaves_the_old_crate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, staging = crate(tmp_path / "crate", "old"), crate(tmp_path / ".staging", "new")
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self == staging:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _swap_in(staging, folder)
    assert (folder / "Cargo.toml").read_text() == "old"


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
