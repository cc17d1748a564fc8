"""The registry's file: JSON, locked for writing, replaced whole, with a copy beside it."""

from __future__ import annotations

import errno
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import file_errors, make_folder, write_bytes
from oxidizedvision.registry.schema import SCHEMA_VERSION, DamagedError, Document, dumped, parsed

LOCK_SECONDS = 60.0
_NO_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def registry_path() -> Path:
    """The registry's file: in OXIDIZEDVISION_HOME, or in the user's data folder.

    Symbolic links are followed, so that all ways to one file share its lock.

    Raises:
        OxidizedVisionError: `file_system` where the user has no home folder.
    """
    home = os.environ.get("OXIDIZEDVISION_HOME")
    folder = Path(home).absolute() if home else _data_folder()
    return Path(os.path.realpath(folder / "registry.json"))


def _data_folder() -> Path:
    try:
        folder = platformdirs.user_data_path("oxidizedvision")
    except RuntimeError:  # newer versions of platformdirs; older ones give a relative path
        folder = Path()
    if not folder.is_absolute():
        raise OxidizedVisionError(
            Kind.FILE_SYSTEM,
            "There is no folder for the registry: this user has no home folder",
            "Set OXIDIZEDVISION_HOME to a folder of your own.",
        )
    return folder


def read() -> Document:
    """What the registry says; empty where there is none.

    Raises:
        OxidizedVisionError: `corrupt` when neither the registry nor its copy can be read,
            `unsupported` for one of a newer version, `file_system`.
    """
    registry = registry_path()
    try:
        return _read(registry)
    except DamagedError:
        with _locked(registry):
            return _recovered(registry)


@contextmanager
def changing() -> Iterator[Document]:
    """Give the registry's content to change; it is written when the block ends well.

    No other process writes meanwhile, and those that read see the state before or after.

    Raises:
        OxidizedVisionError: as `read`; `file_system` when it cannot be written or another process
            holds it for too long.
    """
    registry = registry_path()
    with _locked(registry):
        before = _recovered(registry)
        after = before.copy()
        yield after
        if after != before:
            if before.written_as < SCHEMA_VERSION:
                _keep_older(registry, before.written_as)
            _write(registry, after)


@contextmanager
def _locked(registry: Path) -> Iterator[None]:
    make_folder(registry.parent)
    lock = _acquired(registry)
    try:
        yield
    finally:
        lock.release()


def _acquired(registry: Path) -> BaseFileLock:
    """The lock; where the file system has no locks a file that names its process is one."""
    hard = FileLock(registry.with_suffix(".lock"), timeout=LOCK_SECONDS, poll_interval=0.01)
    try:
        with file_errors(registry):
            _acquire(hard)
    except OxidizedVisionError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError) or cause.errno not in _NO_FLOCK:
            raise
    else:
        return hard
    soft = SoftFileLock(registry.with_suffix(".softlock"), timeout=LOCK_SECONDS, poll_interval=0.01)
    with file_errors(registry):
        _acquire(soft)
    return soft


def _acquire(lock: BaseFileLock) -> None:
    try:
        lock.acquire()
    except Timeout as error:
        raise OxidizedVisionError(
            Kind.FILE_SYSTEM,
            f"Another process has held {lock.lock_file} for {LOCK_SECONDS:.0f} s",
            "Wait for it, or end it. A .softlock of a machine that is gone may be deleted.",
        ) from error


def _copy_of(registry: Path) -> Path:
    return registry.with_suffix(".copy.json")


def _read(registry: Path) -> Document:
    with file_errors(registry):
        if not registry.exists():
            if _copy_of(registry).exists():
                raise DamagedError("it is missing, its copy is there")
            return Document()
        content = registry.read_bytes()
    return parsed(content, registry)


def _recovered(registry: Path) -> Document:
    """What the registry says; what its copy says where the registry itself is damaged.

    The damaged file is kept under another name. The lock must be held.
    """
    copy = _copy_of(registry)
    try:
        return _read(registry)
    except DamagedError as error:
        reason = error
    try:
        document = _read(copy) if copy.exists() else None
    except DamagedError:
        document = None
    if document is None:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"The registry {registry} is damaged: {reason}; its copy {copy.name} is no help",
            "Correct the file or move it away; nothing was overwritten. Converting a model again "
            "registers it again.",
        ) from reason
    kept = registry.with_suffix(f".damaged-{time.time_ns()}.json")
    if registry.exists():
        with file_errors(registry):
            registry.replace(kept)
    _write(registry, document)
    warnings.warn(
        f"The registry {registry} was damaged ({reason}); its {len(document.entries)} entries were "
        "taken from the copy"
        + (f", and the file was kept as {kept.name}" if kept.exists() else ""),
        OxidizedVisionWarning,
        stacklevel=3,
    )
    return document


def _keep_older(registry: Path, version: int) -> None:
    """Keep the file of an older version, which the first change replaces."""
    older = registry.with_suffix(f".version-{version}.json")
    if registry.exists() and not older.exists():
        with file_errors(registry):
            content = registry.read_bytes()
        write_bytes(older, content)


def _write(registry: Path, document: Document) -> None:
    """Write the registry, then the copy, which need not be on the disk before we go on."""
    content = dumped(document)
    write_bytes(registry, content)
    write_bytes(_copy_of(registry), content, flush=False)
