"""Entering a model."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

from oxidizedvision.core.errors import OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.manifest import Manifest, load_manifest
from oxidizedvision.registry.entries import ID_LENGTH, Entry, entry_of, model_sha256
from oxidizedvision.registry.objects import keep
from oxidizedvision.registry.schema import Document
from oxidizedvision.registry.store import changing, read


def register(manifest: str | Path) -> Entry:
    """Enter the model of a manifest, or bring its entry up to date.

    A model is known by its content: the same one twice is one entry, at the place of the second.

    Raises:
        OxidizedVisionError: `not_found` or `corrupt` for the manifest or the registry,
            `file_system` when it cannot be written or another process holds it for too long.
    """
    path = Path(manifest).absolute()
    content = load_manifest(path)
    with changing() as document:
        return _entered(document, path, content)


def refresh(manifest: str | Path) -> None:
    """Bring the entry of a manifest's model up to date, if it has one at this place.

    A registry that cannot be written is warned of: what was made stands in the manifest.
    """
    path = Path(manifest).absolute()
    try:
        content = load_manifest(path)
        sha256 = model_sha256(content)
        if not _is_entered(read(), path, sha256):
            return
        with changing() as document:
            if _is_entered(document, path, sha256):
                _entered(document, path, content)
    except OxidizedVisionError as error:
        warnings.warn(
            f"The registry still has {path.name} as it was: {error.message}",
            OxidizedVisionWarning,
            stacklevel=3,
        )


def _is_entered(document: Document, path: Path, sha256: str) -> bool:
    known = _known_as(document, sha256)
    return known is not None and document.entries[known]["manifest"] == str(path)


def _entered(document: Document, path: Path, manifest: Manifest) -> Entry:
    entry = entry_of(path, manifest, keep(manifest))
    known = _known_as(document, entry.sha256)
    old = document.entries.pop(known) if known is not None else None
    if old is not None and old["name"] == entry.name:
        version = old["version"]
    else:
        version = document.versions.get(entry.name, 0) + 1
        document.versions[entry.name] = version
    for tag in document.tags_of(known or ""):
        document.tags[tag] = entry.sha256
    document.put(dataclasses.replace(entry, version=version))
    return document.entry(entry.sha256)


def _known_as(document: Document, sha256: str) -> str | None:
    """The key of a model's entry: its SHA-256, or the digits of it that version 1 wrote."""
    return next((key for key in (sha256, sha256[:ID_LENGTH]) if key in document.entries), None)
