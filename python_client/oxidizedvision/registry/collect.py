"""`gc`: what nothing refers to any more, and nothing is writing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.core.publish import journal_of
from oxidizedvision.registry.entries import Entry, is_gone, model_sha256
from oxidizedvision.registry.finding import newest_first
from oxidizedvision.registry.leftovers import Leftover, clear_leftovers, finish_publications
from oxidizedvision.registry.objects import kept as kept_manifest
from oxidizedvision.registry.objects import objects_folder
from oxidizedvision.registry.schema import Document
from oxidizedvision.registry.store import changing, read, registry_path


@dataclass(frozen=True)
class DroppedEntry:
    """An entry whose files are gone, and in which way."""

    id: str
    name: str
    version: int
    manifest: Path
    reason: str


@dataclass(frozen=True)
class GarbageReport:
    """What was cleared away, or would be.

    entries: taken out of the registry. kept_entries: their files are gone too, but a tag names
    them. files: deleted, `bytes` together. kept_files: unfinished too, and why they stay.
    problems: what could not be done.
    """

    entries: tuple[DroppedEntry, ...]
    kept_entries: tuple[DroppedEntry, ...]
    files: tuple[Leftover, ...]
    kept_files: tuple[Leftover, ...]
    problems: tuple[str, ...]
    bytes: int
    dry_run: bool


def collect_garbage(*, dry_run: bool = False) -> GarbageReport:
    """Clear away what killed processes and deleted output folders left.

    That is: entries whose manifest or model is gone or is another model's now, unless a tag names
    them; temporary files and working folders in the folders of registered models and of their
    crates that no living process claims; manifests that were kept for entries that are gone. What
    a killed process had decided to publish is put in place first.

    Args:
        dry_run: Change nothing; only say what would go.

    Raises:
        OxidizedVisionError: `corrupt` or `unsupported` for the registry, `file_system`.
    """
    folders = _folders(read())
    problems = [] if dry_run else finish_publications(folders)
    files, kept_files = clear_leftovers(folders, dry_run=dry_run)
    if dry_run or not registry_path().parent.is_dir():
        document = read().copy()
        dropped, kept = _drop_dead(document)
        files += _unreferenced(document, delete=False)
    else:
        with changing() as document:
            dropped, kept = _drop_dead(document)
        with changing() as document:
            files += _unreferenced(document, delete=True)
    return GarbageReport(
        entries=tuple(dropped),
        kept_entries=tuple(kept),
        files=tuple(files),
        kept_files=tuple(kept_files),
        problems=tuple(error.message for error in problems),
        bytes=sum(file.bytes for file in files),
        dry_run=dry_run,
    )


def _folders(document: Document) -> list[Path]:
    """Every folder that a registered model's files or crates were written to, and our own."""
    folders = [registry_path().parent, objects_folder()]
    for entry in document.all():
        folder = entry.manifest.parent
        folders.append(folder)
        for package in _packages(entry):
            crate = Path(os.path.normpath(folder / package))
            folders.extend((crate.parent, crate, crate / "bin"))
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _packages(entry: Entry) -> list[str]:
    manifest = kept_manifest(entry.snapshot)
    return [package.path for package in manifest.packages] if manifest is not None else []


def _drop_dead(document: Document) -> tuple[list[DroppedEntry], list[DroppedEntry]]:
    """Take out the entries whose files are gone; gives them, and those that a tag names."""
    dropped: list[DroppedEntry] = []
    kept: list[DroppedEntry] = []
    for entry in newest_first(document.all()):
        reason = _reason_to_drop(entry)
        if reason is None:
            continue
        dead = DroppedEntry(entry.id, entry.name, entry.version, entry.manifest, reason)
        if entry.tags:
            kept.append(dead)
        else:
            dropped.append(dead)
            del document.entries[entry.sha256]
    return dropped, kept


def _reason_to_drop(entry: Entry) -> str | None:
    """Why an entry is dead; None for one that is alive, or of which that cannot be told."""
    if journal_of(entry.manifest).exists():
        return None
    if is_gone(entry.manifest):
        return "its manifest is gone"
    try:
        manifest = load_manifest(entry.manifest)
        if not model_sha256(manifest).startswith(entry.sha256):
            return "its manifest is another model's"
        model = entry.manifest.parent / manifest.head("onnx").file
    except OxidizedVisionError:
        return None
    return "its model is gone" if is_gone(model) else None


def _unreferenced(document: Document, *, delete: bool) -> list[Leftover]:
    """Kept manifests that no entry names; the lock must be held to delete them."""
    named = {f"{stored.get('snapshot')}.json" for stored in document.entries.values()}
    folder = objects_folder()
    found = []
    for path in sorted(folder.glob("[0-9a-f]*.json")) if folder.is_dir() else []:
        if path.name not in named and path.is_file():
            found.append(Leftover(path, "no entry names it", path.stat().st_size))
            if delete:
                path.unlink(missing_ok=True)
    return found
