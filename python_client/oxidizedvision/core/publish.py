"""Several files that appear together: what was decided is finished by whoever comes next.

The files are made in a working folder. A journal beside the manifest decides: before it is there
nothing has happened, and once it is there everything will, though the process be killed. Whoever
loads the manifest next finishes what it says.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from oxidizedvision.core.claims import PREFIX, claimed_folder, folder_lock
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import (
    file_errors,
    flush_file,
    flush_folder,
    make_folder,
    sha256_of,
    write_text,
)

JOURNAL_SUFFIX = ".pending"
_VERSION = 1


@contextmanager
def working_folder(target: Path, verb: str) -> Iterator[Path]:
    """A folder inside `target`, on the same file system, that is gone in the end.

    It is claimed while the block runs, so that `gc` clears away only what a killed process left.
    """
    make_folder(target)
    with file_errors(target):
        folder, claim = claimed_folder(target, verb)
    try:
        yield folder
    finally:
        if folder.name not in awaited_folders(target):
            shutil.rmtree(folder, ignore_errors=True)
        claim.close()


def publish(
    working: Path, names: Sequence[str], manifest: Path, drop: Mapping[str, str] | None = None
) -> None:
    """Move files of a working folder into place beside `manifest`, all of them or none.

    Args:
        working: The folder that holds them, inside the manifest's folder.
        names: Their names, there and in the manifest's folder.
        manifest: The manifest that lists them; itself one of the files, by its name.
        drop: Names and SHA-256 of files that go; one whose content is another by now stays.

    Raises:
        OxidizedVisionError: `file_system`, with nothing changed where it happens before the
            journal is written.
    """
    folder = manifest.parent
    journal = journal_of(manifest)
    for name in names:
        if (folder / name).is_dir():
            raise OxidizedVisionError(
                Kind.FILE_SYSTEM, f"{folder / name} is a folder", "Move it away, then try again."
            )
    document = {"schema_version": _VERSION, "from": working.name}
    lists: dict[str, Any] = {"files": list(names), "drop": dict(drop or {})}
    with folder_lock(folder), file_errors(folder):
        _finish(manifest)
        for name in names:
            flush_file(working / name)
        flush_folder(working)
        write_text(journal, json.dumps(document | lists) + "\n")
        try:
            _carry_out(journal)
        except BaseException:  # Ctrl-C too: it is decided
            _finish(manifest)
            raise


def finish(manifest: Path) -> None:
    """Finish what a killed process had decided to publish with this manifest, if anything.

    Raises:
        OxidizedVisionError: `file_system` when that cannot be written, `corrupt` for a journal
            that says nothing.
    """
    if not _is_there(journal_of(manifest)):
        return
    with folder_lock(manifest.parent):
        _finish(manifest)


def journal_of(manifest: Path) -> Path:
    """Where the journal of a manifest stands while its files are being moved."""
    return manifest.with_name(f".{manifest.name}{JOURNAL_SUFFIX}")


def awaited_folders(target: Path) -> set[str]:
    """Names of the working folders whose files a journal in `target` still waits for."""
    awaited = set()
    for journal in target.glob(f".*{JOURNAL_SUFFIX}"):
        if journal.name.startswith(PREFIX):
            continue
        try:
            awaited.add(_read(journal)["from"])
        except OxidizedVisionError:
            continue
    return awaited


def _finish(manifest: Path) -> None:
    journal = journal_of(manifest)
    if not _is_there(journal):
        return
    with file_errors(journal):
        _carry_out(journal)


def _is_there(journal: Path) -> bool:
    """False too where the folder cannot be looked into, which reading the manifest will tell."""
    try:
        return journal.exists()
    except OSError:
        return False


def _carry_out(journal: Path) -> None:
    """Do what the journal says, as far as it has not been done."""
    document = _read(journal)
    folder = journal.parent
    working = folder / document["from"]
    for name in document["files"]:
        with suppress(FileNotFoundError):  # it was moved already
            (working / name).replace(folder / name)
    for name, sha256 in document["drop"].items():
        path = folder / name
        if path.is_file() and sha256_of(path) == sha256:
            path.unlink()
    flush_folder(folder)
    journal.unlink(missing_ok=True)
    shutil.rmtree(working, ignore_errors=True)


def _read(journal: Path) -> dict[str, Any]:
    """What a journal says; it names nothing outside its own folder."""
    try:
        with file_errors(journal):
            document = json.loads(journal.read_bytes())
        names = [document["from"], *document["files"], *document["drop"]]
        whole = (
            document["schema_version"] == _VERSION
            and document["from"].startswith(PREFIX)
            and isinstance(document["drop"], dict)
            and all(map(_is_plain, names))
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{journal} is damaged; it says which files were being moved into place",
            "Delete it, then run `oxidizedvision convert` again.",
        )
    result: dict[str, Any] = document
    return result


def _is_plain(name: object) -> bool:
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and "\0" not in name
        and Path(name).name == name
    )
