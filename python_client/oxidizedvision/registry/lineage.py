"""Where a model came from, and whether the files of its chain are still what was recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from oxidizedvision.config.models import MODULE_REFERENCE
from oxidizedvision.core.crates import crate_sha256
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import FileRecord, Manifest, PackageRecord

_ROLES = {"program": "crate", "library": "crate", "server": "crate", "wasm": "page"}

FileStatus = Literal["present", "missing", "changed", "unchecked"]


@dataclass(frozen=True)
class LineageItem:
    """One file of the chain from source to program; of a crate its folder.

    status: `present` as recorded, `missing`, `changed` since, or `unchecked` where no SHA-256
    was recorded or it is a module by name. tool and seconds: what made it, where a stage did.
    made_from: the SHA-256 of the file before it, where one was recorded.
    """

    role: str
    path: Path
    status: FileStatus
    sha256: str | None
    bytes: int | None = None
    tool: str | None = None
    seconds: float | None = None
    made_from: str | None = None


def lineage_of(folder: Path, manifest: Manifest) -> Iterator[LineageItem]:
    """The chain of a manifest that stands in a folder: source, checkpoint, stages, crates."""
    source = manifest.source
    yield _origin("source", source.path, source.sha256, folder)
    if source.checkpoint is not None:
        yield _origin("checkpoint", source.checkpoint, source.checkpoint_sha256, folder)
    for stage in manifest.stages:
        path = folder / stage.output.file
        yield LineageItem(
            role=stage.name,
            path=path,
            status=_status(path, stage.output.sha256),
            sha256=stage.output.sha256,
            bytes=stage.output.bytes,
            tool=stage.tool,
            seconds=stage.seconds,
            made_from=stage.input_sha256,
        )
    yield _recorded("goldens", folder, manifest.goldens)
    for package in manifest.packages:
        yield from _package(folder, package)


def _package(folder: Path, package: PackageRecord) -> Iterator[LineageItem]:
    crate = Path(os.path.normpath(folder / package.path))
    yield LineageItem(
        role=_ROLES.get(package.kind, package.kind),
        path=crate,
        status=_crate_status(crate, package.sha256),
        sha256=package.sha256,
        bytes=package.bytes,
        tool=f"package, {package.engine}",
        made_from=package.model_sha256,
    )
    if package.program is not None:
        yield _recorded("program", crate, package.program)


def _crate_status(crate: Path, sha256: str) -> FileStatus:
    if not crate.exists():
        return "missing"
    return "present" if crate_sha256(crate) == sha256 else "changed"


def _recorded(role: str, folder: Path, record: FileRecord) -> LineageItem:
    path = folder / record.file
    return LineageItem(role, path, _status(path, record.sha256), record.sha256, record.bytes)


def _origin(role: str, written: str, sha256: str | None, folder: Path) -> LineageItem:
    """A file whose path is relative to the manifest's folder, or an installed module."""
    if MODULE_REFERENCE.fullmatch(written):
        return LineageItem(role, Path(written), "unchecked", sha256)
    path = Path(os.path.normpath(folder / written))
    return LineageItem(role, path, _status(path, sha256), sha256)


def _status(path: Path, sha256: str | None) -> FileStatus:
    if not path.is_file():
        return "missing"
    if sha256 is None:
        return "unchecked"
    return "present" if sha256_of(path) == sha256 else "changed"
