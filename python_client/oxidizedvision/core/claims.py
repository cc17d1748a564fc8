"""Claims: a lock on a file or folder that ends with its process, however that ends.

Whatever is being written carries one, so that what a killed process left can be told from what a
living one is writing. A claim is an `flock`. Where the file system has none, nobody can tell, and
only age speaks.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

from oxidizedvision.core.errors import Kind, OxidizedVisionError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = ".oxv-"
"""How the name of everything begins that is not finished yet."""

WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.01
_STEM_LENGTH = 40
_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK}

Answer = Literal["ours", "taken", "unknown"]
"""`taken` by another process; `unknown` where the file system has no such locks."""

_HELD: ContextVar[frozenset[str]] = ContextVar("_HELD", default=frozenset())


class Claim:
    """An open handle with the lock on it; without a handle where there can be none."""

    def __init__(self, handle: int | None, answer: Answer) -> None:
        self._handle = handle
        self.answer = answer

    @classmethod
    def of(cls, path: Path) -> Claim:
        """Try to claim a file or folder that is there; never waits.

        Raises:
            FileNotFoundError: It is not there.
        """
        mode = path.lstat().st_mode
        if fcntl is None:
            return cls(None, "unknown")
        # NFS locks only what is open for writing.
        access = os.O_RDWR if stat.S_ISREG(mode) else os.O_RDONLY
        try:
            handle = os.open(path, access | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise
        except OSError:
            return cls(None, "unknown")
        claim = cls(handle, _lock(handle))
        if claim.answer != "ours":
            claim.close()
        return claim

    def is_of(self, path: Path) -> bool:
        """Whether what was claimed still stands at this path."""
        if self._handle is None:
            return path.exists()
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._handle), path.lstat())
        return False

    def close(self) -> None:
        """Give it up; the second time nothing happens."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def claimed_file(folder: Path, stem: str, suffix: str) -> tuple[Path, Claim]:
    """A new empty file in a folder, and the claim on it."""
    while True:
        handle, name = tempfile.mkstemp(suffix, _prefix(stem), folder)
        os.close(handle)
        claimed = _claimed(Path(name))
        if claimed is not None:
            return claimed


def claimed_folder(parent: Path, stem: str) -> tuple[Path, Claim]:
    """A new empty folder in another one, and the claim on it."""
    while True:
        claimed = _claimed(Path(tempfile.mkdtemp(prefix=_prefix(stem), dir=parent)))
        if claimed is not None:
            return claimed


def _claimed(path: Path) -> tuple[Path, Claim] | None:
    """None where the path was cleared away before the claim, as left by a killed process."""
    with suppress(FileNotFoundError):
        claim = Claim.of(path)
        if claim.answer != "taken" and claim.is_of(path):
            return path, claim
        claim.close()
    return None


def _prefix(stem: str) -> str:
    return f"{PREFIX}{stem[:_STEM_LENGTH]}-"


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Be the only process that publishes in a folder; may be nested.

    Raises:
        OxidizedVisionError: `file_system` when another process holds it for too long.
    """
    key = os.path.realpath(folder)
    held = _HELD.get()
    if key in held:
        yield
        return
    claim = _waited_for(folder)
    token = _HELD.set(held | {key})
    try:
        yield
    finally:
        _HELD.reset(token)
        claim.close()


def _waited_for(folder: Path) -> Claim:
    deadline = time.monotonic() + WAIT_SECONDS
    # Resolved, because a claim follows no symbolic link.
    resolved = folder.resolve()
    while True:
        try:
            claim = Claim.of(resolved)
        except FileNotFoundError:
            return Claim(None, "unknown")
        if claim.answer != "taken":
            return claim
        if time.monotonic() > deadline:
            raise OxidizedVisionError(
                Kind.FILE_SYSTEM,
                f"Another process has been publishing in {folder} for {WAIT_SECONDS:.0f} s",
                "Wait for it, or end it.",
            )
        time.sleep(_POLL_SECONDS)


def _lock(handle: int) -> Answer:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return "taken" if error.errno in _TAKEN else "unknown"
    return "ours"
