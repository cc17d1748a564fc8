"""Taking a model out of the registry, with its files or without."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.core.claims import folder_lock
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors, flush_folder, sha256_of
from oxidizedvision.core.manifest import FileRecord, Manifest, load_manifest
from oxidizedvision.registry.entries import Entry, is_gone, manifest_files, model_sha256
from oxidizedvision.registry.finding import found, named
from oxidizedvision.registry.objects import kept as kept_manifest
from oxidizedvision.registry.schema import Document
from oxidizedvision.registry.store import changing, read


@dataclass(frozen=True)
class KeptFile:
    """A file that was left, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Removal:
    """A model that was taken out, or that would be.

    tags: what named it, which goes too. files: those that are deleted, `bytes` together.
    kept: files of the model that stay although files were to go.
    """

    id: str
    name: str
    version: int
    tags: tuple[str, ...]
    files: tuple[Path, ...]
    bytes: int
    kept: tuple[KeptFile, ...]
    dry_run: bool = False


def remove(target: str, *, files: bool = False, dry_run: bool = False) -> Removal:
    """Take a model out of the registry.

    Args:
        target: A tag, `NAME@VERSION`, the first digits of a SHA-256, or a name that one model has.
        files: Also delete the files that its manifest lists, and the manifest: those that still
            have the content that was recorded. Sources, checkpoints and crates stay.
        dry_run: Change nothing; only say what would go.

    Raises:
        OxidizedVisionError: `not_found`, with the nearest name; `usage` for a name of several
            models; `file_system` when a file cannot be deleted, with the entry still there.
    """
    document = read()
    entry = _only(document, target)
    # The files first: what a killed process leaves is an entry by which it can be done again.
    if not files or is_gone(entry.manifest.parent):
        plan = Removal(entry.id, entry.name, entry.version, entry.tags, (), 0, (), dry_run)
    else:
        with folder_lock(entry.manifest.parent):
            plan = _planned(document, entry, dry_run)
            if not dry_run:
                _delete(plan.files)
    if not dry_run:
        _drop(entry)
    return plan


def _only(document: Document, target: str) -> Entry:
    """The one entry that is meant; a name of several models could mean any of them."""
    models = named(document, target)
    if len(models) > 1:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{len(models)} models are called {target!r}: "
            + ", ".join(f"{entry.label} ({entry.id})" for entry in models),
            f"Name one of them, such as {models[-1].label}.",
        )
    return found(document, target)


def _planned(document: Document, entry: Entry, dry_run: bool) -> Removal:
    folder = entry.manifest.parent
    live = _live_manifest(entry)
    manifest = live or kept_manifest(entry.snapshot)
    files = [entry.manifest] if live is not None else []
    kept = []
    if live is None and entry.manifest.exists():
        kept.append(KeptFile(entry.manifest, "it is another model's"))
    shared = _files_of_others(document, entry)
    for record in _records(manifest):
        path = folder / record.file
        reason = _reason_to_keep(path, record, shared)
        if reason is not None:
            kept.append(KeptFile(path, reason))
        elif os.path.lexists(path):
            files.append(path)
    if manifest is not None:
        crates = [Path(os.path.normpath(folder / package.path)) for package in manifest.packages]
        kept.extend(KeptFile(crate, "a crate stands on its own") for crate in crates)
    return Removal(
        id=entry.id,
        name=entry.name,
        version=entry.version,
        tags=entry.tags,
        files=tuple(files),
        bytes=sum(path.stat().st_size for path in files),
        kept=tuple(kept),
        dry_run=dry_run,
    )


def _live_manifest(entry: Entry) -> Manifest | None:
    """The manifest that stands there, where it is this model's."""
    if is_gone(entry.manifest):
        return None
    try:
        manifest = load_manifest(entry.manifest)
    except OxidizedVisionError as error:
        if error.kind is Kind.CORRUPT:
            return None
        raise
    return manifest if model_sha256(manifest).startswith(entry.sha256) else None


def _records(manifest: Manifest | None) -> list[FileRecord]:
    """The files of a manifest, once each, none of them outside its folder."""
    if manifest is None:
        return []
    manifest_files(manifest)
    records = [*(stage.output for stage in manifest.stages), manifest.goldens]
    return list({record.file: record for record in records}.values())


def _files_of_others(document: Document, entry: Entry) -> dict[str, str]:
    """Names in the same folder that another manifest lists, and which model's that is."""
    return {
        name: other.label
        for other in document.all()
        if other.manifest.parent == entry.manifest.parent and other.manifest != entry.manifest
        for name in other.files
    }


def _reason_to_keep(path: Path, record: FileRecord, shared: dict[str, str]) -> str | None:
    if not os.path.lexists(path):
        return None
    if path.is_symlink() or not path.is_file():
        return "it is no regular file"
    if record.file in shared:
        return f"{shared[record.file]} has it too"
    if sha256_of(path) != record.sha256:
        return "its content is not what was recorded"
    return None


def _delete(files: tuple[Path, ...]) -> None:
    """Delete the manifest, then what it lists: no manifest ever names files that are gone."""
    for path in files:
        with file_errors(path):
            path.unlink(missing_ok=True)
    if files:
        flush_folder(files[0].parent)


def _drop(entry: Entry) -> None:
    """Take an entry and its tags out, unless it was registered anew meanwhile."""
    with changing() as document:
        now = document.entries.get(entry.sha256)
        if now is None or now["updated"] != entry.updated:
            return
        del document.entries[entry.sha256]
        for tag in document.tags_of(entry.sha256):
            del document.tags[tag]
