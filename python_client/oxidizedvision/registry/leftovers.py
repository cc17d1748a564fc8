"""What killed processes left unfinished in a folder."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.core.claims import PREFIX, Claim
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.publish import JOURNAL_SUFFIX, awaited_folders, finish, journal_of

OLD_SECONDS = 24 * 3600.0
"""Age at which what nobody can claim counts as left: on file systems without locks."""

_UNCLAIMED = re.compile(r"\.convert-\w{8}")
"""Working folders of versions that claimed none."""


@dataclass(frozen=True)
class Leftover:
    """A file or folder that goes, or that stays for a reason. bytes: of all its files."""

    path: Path
    reason: str
    bytes: int


def finish_publications(folders: Iterable[Path]) -> list[OxidizedVisionError]:
    """Move into place what killed processes had decided to; gives what went wrong."""
    problems = []
    for manifest in _awaited_manifests(folders):
        try:
            finish(manifest)
        except OxidizedVisionError as error:
            problems.append(error)
    return problems


def clear_leftovers(
    folders: Iterable[Path], *, dry_run: bool
) -> tuple[list[Leftover], list[Leftover]]:
    """Delete what no living process claims; gives what went, and what stayed."""
    gone, kept = [], []
    for folder in folders:
        awaited = awaited_folders(folder)
        for path in _unfinished(folder):
            if path.name in awaited:
                continue
            leftover = Leftover(path, "", _bytes_of(path))
            reason = _cleared(path, dry_run)
            if reason is None:
                gone.append(Leftover(path, "left by a process that ended", leftover.bytes))
            elif reason:
                kept.append(Leftover(path, reason, leftover.bytes))
    return gone, kept


def _awaited_manifests(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for journal in sorted(folder.glob(f".*{JOURNAL_SUFFIX}")):
            manifest = journal.with_name(journal.name[1:].removesuffix(JOURNAL_SUFFIX))
            if not journal.name.startswith(PREFIX) and journal_of(manifest) == journal:
                yield manifest


def _unfinished(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [p for p in paths if p.name.startswith(PREFIX) or _UNCLAIMED.fullmatch(p.name)]


def _cleared(path: Path, dry_run: bool) -> str | None:
    """Delete one; None when that was done, else why not, empty where it is gone already."""
    if path.is_symlink():
        return "it is a symbolic link"
    try:
        claim = Claim.of(path)
    except FileNotFoundError:
        return ""
    try:
        if claim.answer == "taken":
            return "a process is writing it"
        sure = claim.answer == "ours" and path.name.startswith(PREFIX)
        if not sure and time.time() - _newest(path) < OLD_SECONDS:
            return "nobody can tell whether a process is writing it; it is less than a day old"
        return None if dry_run else _delete(path)
    finally:
        claim.close()


def _delete(path: Path) -> str | None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return None


def _newest(path: Path) -> float:
    """The latest change of a file, or of anything in a folder, in seconds since 1970."""
    newest = 0.0
    for each in _tree(path):
        with suppress(OSError):
            newest = max(newest, each.lstat().st_mtime)
    return newest


def _bytes_of(path: Path) -> int:
    total = 0
    for each in _tree(path):
        with suppress(OSError):
            total += each.lstat().st_size if not each.is_dir() else 0
    return total


def _tree(path: Path) -> Iterator[Path]:
    yield path
    if path.is_dir() and not path.is_symlink():
        yield from path.rglob("*")
