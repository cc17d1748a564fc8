"""The packages of a model, in its manifest."""

from __future__ import annotations

import os
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.crates import crate_sha256
from oxidizedvision.core.errors import OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.manifest import (
    FileRecord,
    Manifest,
    PackageRecord,
    load_manifest,
    update_manifest,
)

if TYPE_CHECKING:
    from oxidizedvision.package.kind import PackageResult


def record_package(manifest: Path, result: PackageResult, model_sha256: str) -> None:
    """Put a package into the manifest, in place of an older one in the same folder.

    Where the manifest cannot be written the package
    is whole all the same, and a warning says so.
    """
    from oxidizedvision.registry import refresh

    record = _record_of(result, manifest.parent, model_sha256)

    def change(old: Manifest) -> Manifest:
        return old.model_copy(update={"packages": [*_others(old, record.path), record]})

    try:
        update_manifest(manifest, change)
    except OxidizedVisionError as error:
        warnings.warn(
            f"The package is whole, but not recorded: {error.message}",
            OxidizedVisionWarning,
            stacklevel=3,
        )
        return
    refresh(manifest)


def forget_package(manifest: Path, folder: Path) -> None:
    """Take a folder's package out of the manifest before another one takes its place.

    A process that is killed in between then leaves one without a record, and no wrong record.
    """
    path = _relative(folder, manifest.parent)

    def change(old: Manifest) -> Manifest:
        return old.model_copy(update={"packages": _others(old, path)})

    recorded = load_manifest(manifest).packages
    if any(package.path == path for package in recorded):
        update_manifest(manifest, change)


def _others(manifest: Manifest, path: str) -> list[PackageRecord]:
    return [package for package in manifest.packages if package.path != path]


def _record_of(result: PackageResult, folder: Path, model_sha256: str) -> PackageRecord:
    built = result.executable
    inside = built is not None and built != result.path
    program = FileRecord.of(built) if built and inside else None
    if built and program:
        program.file = built.relative_to(result.path).as_posix()
    return PackageRecord(
        path=_relative(result.path, folder),
        name=result.name,
        engine=result.engine,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model_sha256=model_sha256,
        sha256=crate_sha256(result.path),
        bytes=result.bytes,
        program=program,
        threads=result.threads,
        reason=result.reason,
        kind=result.kind,
    )


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
