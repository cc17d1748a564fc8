"""Where a package goes: made beside its place, put there whole, an older one swapped out."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.publish import working_folder

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def check_replaceable(folder: Path, marks: Sequence[str]) -> None:
    """Refuse a folder that holds anything but a package of ours, which has files of these names.

    Raises:
        OxidizedVisionError: `usage`.
    """
    if (folder.exists() and not folder.is_dir()) or (
        folder.is_dir()
        and any(folder.iterdir())
        and not all((folder / mark).is_file() for mark in marks)
    ):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{folder} exists and is not a package of this kind made by OxidizedVision",
            "Choose another --output; nothing was overwritten.",
        )


@contextmanager
def placed(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `folder` when the block ends well."""
    with working_folder(folder.parent, "package") as staging, file_errors(folder):
        yield staging
        swap_in(staging, folder)


def swap_in(staging: Path, folder: Path) -> None:
    """Put the finished crate in place; what Cargo compiled in an older one is kept.

    The older one's program is not: it carries the older model. The older crate ends where the new
    one was made, to be cleared away.
    """
    staging.chmod(0o755)
    if not folder.exists():
        staging.rename(folder)
        return
    if not exchange(staging, folder):
        _swap_by_renaming(staging, folder)
    if (staging / "target").is_dir():
        (staging / "target").rename(folder / "target")


def _swap_by_renaming(staging: Path, folder: Path) -> None:
    """Renames, where the system cannot exchange: for a moment no crate is in place."""
    old = staging.with_name(f"{staging.name}-old")
    folder.rename(old)
    try:
        staging.rename(folder)
    except BaseException:  # Ctrl-C too: there is always a crate in place
        old.rename(folder)
        raise
    old.rename(staging)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system has no such step."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    paths = os.fsencode(one), os.fsencode(other)
    done: int = renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    return done == 0
