"""Packages: which files are theirs, and one SHA-256 for all of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from oxidizedvision.core.files import file_errors, sha256_of

MARK = "model.oxv.json"
"""The manifest inside a crate, by which a crate of ours is known."""

_BUILT = ("target", "bin")


def crate_files(folder: Path) -> list[Path]:
    """The files of a package, without what Cargo built; a package may be one file."""
    if folder.is_file():
        return [folder]
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in _BUILT
    )


def crate_strangers(folder: Path) -> list[Path]:
    """What stands among a package's files and is none: links, to folders too, pipes, devices."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.relative_to(folder).parts[0] not in _BUILT
        and (path.is_symlink() or not (path.is_file() or path.is_dir()))
    )


def crate_sha256(folder: Path) -> str:
    """One SHA-256 over the relative paths and the contents of a package's files, or of its one."""
    if folder.is_file():
        return sha256_of(folder)
    digest = hashlib.sha256()
    with file_errors(folder):
        files = {path.relative_to(folder).as_posix(): path for path in crate_files(folder)}
    for relative in sorted(files):
        digest.update(f"{sha256_of(files[relative])}  {relative}\n".encode())
    return digest.hexdigest()
