"""Files: hashed by content, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oxidizedvision.core.claims import claimed_file
from oxidizedvision.core.errors import Kind, OxidizedVisionError


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with file_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_size(path: Path) -> int:
    """The bytes of a file."""
    with file_errors(path):
        return path.stat().st_size


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` about `path` into a typed error that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no file {path}", "Check the path and the current folder."
        ) from error
    except OSError as error:
        reason = error.strerror or _first_reason(error)
        raise OxidizedVisionError(
            Kind.FILE_SYSTEM,
            f"{path}: {reason}",
            "Check permissions and free space, or choose another folder.",
        ) from error


def _first_reason(error: OSError) -> str:
    """Of many files that could not be copied the first one's reason, else the error's text."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][2])
    return str(error)


def make_folder(path: Path) -> Path:
    """Make a folder and its parents, and give it back.

    Raises:
        OxidizedVisionError: `file_system` when it cannot be made or is a file.
    """
    try:
        with file_errors(path):
            path.mkdir(parents=True, exist_ok=True)
    except OxidizedVisionError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        # A file system that takes no folders, such as /proc.
        raise OxidizedVisionError(
            Kind.FILE_SYSTEM, f"{path}: a folder cannot be made there", "Choose another folder."
        ) from error
    return path


def check_writable(path: Path) -> None:
    """Make a file's folder, and see that a file can be written there, before long work.

    Raises:
        OxidizedVisionError: `file_system` when it cannot.
    """
    make_folder(path.parent)
    with file_errors(path), tempfile.TemporaryFile(dir=path.parent):
        pass


@contextmanager
def atomic_path(path: Path, *, flush: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path`; what stands there at the end takes its place.

    The file is flushed to disk and renamed only when the block ends well; otherwise nothing is
    left behind and an older `path` stays as it was. A process that is killed leaves the temporary
    file, which nobody claims then. Without `flush` a power cut may lose the file, not a kill.
    """
    make_folder(path.parent)
    with file_errors(path):
        temporary, claim = claimed_file(path.parent, path.stem, path.suffix)
    try:
        yield temporary
        with file_errors(path):
            temporary.chmod(0o666 & ~_umask())
            if flush:
                flush_file(temporary)
            temporary.replace(path)
            if flush:
                flush_folder(path.parent)
    finally:
        claim.close()
        temporary.unlink(missing_ok=True)


def flush_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the file system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write a whole file, or leave the old one as it was."""
    with atomic_path(path, flush=flush) as temporary, file_errors(path):
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a whole text file as UTF-8, or leave the old one as it was."""
    write_bytes(path, content.encode())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
