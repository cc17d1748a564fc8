"""A program with a ZIP archive at its end, whose comment is the SHA-256 of all before it.

`crates/model_executable` reads what is written here.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.package.seal import SEAL

_MARK = b"sha256:"
_DIGITS = 64
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)


def append(program: Path, parts: Mapping[str, bytes | Path]) -> None:
    """Put parts behind a program, by their names; the same parts give the same file."""
    with file_errors(program):
        with zipfile.ZipFile(program, "a", zipfile.ZIP_STORED) as archive:
            for name, part in parts.items():
                info = zipfile.ZipInfo(name, _FIRST_DAY)
                info.external_attr = 0o644 << 16
                archive.writestr(info, part if isinstance(part, bytes) else part.read_bytes())
            archive.comment = _MARK + b"0" * _DIGITS
        size = program.stat().st_size - _DIGITS
        with program.open("r+b") as file:
            digits = _sum_of(program, size)
            file.seek(size)
            file.write(digits.encode())


def is_executable(path: Path) -> bool:
    """Whether a file is a program with parts of ours at its end, damaged or not."""
    if not path.is_file():
        return False  # a device may have no end
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _DIGITS - len(_MARK), 0))
            if file.read(len(_MARK)) == _MARK:
                return True
        with zipfile.ZipFile(path) as archive:
            return SEAL in archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def check_sum(path: Path) -> None:
    """Compare the sum at a file's end with what stands before it.

    Raises:
        OxidizedVisionError: `check_failed` where they differ, or there is none.
    """
    with file_errors(path):
        size = path.stat().st_size - _DIGITS
        with path.open("rb") as file:
            file.seek(max(size - len(_MARK), 0))
            end = file.read()
        found = _sum_of(path, size) if end.startswith(_MARK) else ""
    if not found or end.removeprefix(_MARK) != found.encode():
        raise OxidizedVisionError(
            Kind.CHECK_FAILED,
            f"{path} is not the file that was written: its SHA-256 is not the one at its end",
            "Copy it again from where it was made, or make it again.",
        )


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The parts of a file whose sum was compared.

    Raises:
        OxidizedVisionError: as `check_sum`.
    """
    check_sum(path)
    try:
        with file_errors(path), zipfile.ZipFile(path) as archive:
            archive.getinfo(SEAL)
            yield archive
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise OxidizedVisionError(
            Kind.CHECK_FAILED,
            f"{path} is not the file that was written, though its sum is right: {error}",
            "Somebody wrote that sum anew. Get the file again from its maker.",
        ) from error


def program_sha256(path: Path, parts: zipfile.ZipFile) -> str:
    """The SHA-256 of the program that stands before the parts."""
    return _sum_of(path, min(part.header_offset for part in parts.infolist()))


def _sum_of(path: Path, size: int) -> str:
    """The SHA-256 of the first bytes of a file."""
    digest = hashlib.sha256()
    left = size
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
