"""Where the registry stands, and what its folder may refuse: locks, writing, space."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from written_manifest import write_manifest

from benchmarks.soak.killing import run
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.registry import (
    collect_garbage,
    list_models,
    register,
    registry_path,
    remove,
    store,
    tag,
)

NOBODY = 65534
EVERY_CHANGE: dict[str, Callable[[Path], object]] = {
    "register": register,
    "tag": lambda _: tag("first", "prod"),
    "remove": lambda _: remove("first"),
}


def names() -> list[str]:
    return sorted(entry.name for entry in list_models())


def refusal(verb: Callable[[], object]) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        verb()
    assert caught.value.exit_code is ExitCode.FILE_SYSTEM
    return caught.value


def test_default_place_is_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OXIDIZEDVISION_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in registry_path().parents
    assert list_models() == []


def test_without_home_the_password_database_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OXIDIZEDVISION_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    assert registry_path().is_absolute()


def test_a_user_without_any_home_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    for name in ("OXIDIZEDVISION_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.chdir(tmp_path)
    error = refusal(list_models)
    assert "no home folder" in error.message
    assert "OXIDIZEDVISION_HOME" in error.hint
    assert list(tmp_path.iterdir()) == []


def test_a_relative_home_is_one_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", "here")
    monkeypatch.chdir(tmp_path)
    assert registry_path() == tmp_path / "here" / "registry.json"


def test_a_linked_home_and_a_linked_file_are_one_registry(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(write_manifest(tmp_path, "first", b"1"))
    (tmp_path / "folder-link").symlink_to(home)
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "folder-link"))
    register(write_manifest(tmp_path, "second", b"2"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "registry.json").symlink_to(home / "registry.json")
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "other"))
    register(write_manifest(tmp_path, "third", b"3"))
    assert (tmp_path / "other" / "registry.json").is_symlink()
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(home))
    assert names() == ["first", "second", "third"]


def test_home_that_is_a_file_is_a_file_system_error(tmp_path: Path, home: Path) -> None:
    home.write_text("")
    refusal(lambda: register(write_manifest(tmp_path)))


def test_lock_held_for_too_long(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.1)
    with FileLock(home / "registry.lock"):
        error = refusal(lambda: register(write_manifest(tmp_path)))
    assert "Another process" in error.message
    assert error.kind is Kind.FILE_SYSTEM


def test_a_lock_file_of_a_dead_process_locks_nothing(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    (home / "registry.lock").write_text("12345")
    register(write_manifest(tmp_path))
    assert names() == ["net"]


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def without_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, as some network ones are."""

    def refused(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.usefixtures("without_flock")
@pytest.mark.filterwarnings("ignore::UserWarning:filelock")
def test_without_locks_a_file_is_one(tmp_path: Path, home: Path) -> None:
    paths = [write_manifest(tmp_path / str(n), f"net-{n}", str(n).encode()) for n in range(40)]

    def half(which: int) -> Callable[[], object]:
        return lambda: [register(path) for path in paths[which::2]]

    children = [os.fork() for _ in range(2)]
    if 0 in children:
        half(children.index(0))()
        os._exit(0)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert len(names()) == 40
    # Under load a child may end before its file is gone; who comes next takes it over.
    register(write_manifest(tmp_path / "next", "net-next", b"next"))
    assert len(names()) == 41
    collect_garbage()
    assert not list(home.glob("*.softlock"))


@pytest.mark.usefixtures("without_flock")
@pytest.mark.filterwarnings("ignore::UserWarning:filelock")
def test_a_file_lock_that_a_killed_process_left_is_broken(tmp_path: Path, home: Path) -> None:
    import signal

    path = write_manifest(tmp_path)

    def die_inside() -> None:
        with store.changing():
            os.kill(os.getpid(), signal.SIGKILL)

    assert run(die_inside).killed
    assert list(home.glob("*lock"))
    register(path)
    assert names() == ["net"]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user may look into, with a registry of one model."""
    folder = Path(tempfile.mkdtemp(prefix="oxv-test-"))
    folder.chmod(0o755)
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(folder / "home"))
    register(write_manifest(folder / "out", "first", b"1"))
    write_manifest(folder / "out", "second", b"2")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("change", EVERY_CHANGE.values(), ids=EVERY_CHANGE)
def test_a_home_that_may_only_be_read(
    shown: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:

    (shown / "home").chmod(0o555)
    before = (shown / "home" / "registry.json").read_bytes()

    def as_another_user() -> None:
        if os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        assert names() == ["first"]
        assert (
            "Permission denied"
            in refusal(lambda: change(shown / "out" / "second.oxv.json")).message
        )

    log = tmp_path / "log"
    log.touch(mode=0o666)
    ended = run(as_another_user, log=log)
    assert ended.code == 0, log.read_text()
    assert (shown / "home" / "registry.json").read_bytes() == before


@pytest.mark.parametrize("change", EVERY_CHANGE.values(), ids=EVERY_CHANGE)
@pytest.mark.parametrize("limit", [0, 100, 1500])
def test_a_disk_that_is_full_leaves_everything_as_it_was(
    tmp_path: Path, home: Path, change: Callable[[Path], object], limit: int
) -> None:
    for number in range(3):
        register(write_manifest(tmp_path, f"other-{number}", str(number).encode()))
    register(write_manifest(tmp_path, "first", b"1st"))
    path = write_manifest(tmp_path, "second", b"2nd")
    before = {path.name: path.read_bytes() for path in home.glob("*.json")}

    def on_a_full_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        assert "File too large" in refusal(lambda: change(path)).message

    assert run(on_a_full_disk).code == 0
    assert {path.name: path.read_bytes() for path in home.glob("*.json")} == before
    assert not [path for path in home.iterdir() if path.name.startswith(".")]
    document = json.loads(before["registry.json"])
    assert len(document["entries"]) == len(list_models()) == 4
    change(path)
