"""Whether the files are those that the manifest lists."""

from __future__ import annotations

from pathlib import Path

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import FileRecord, Manifest
from oxidizedvision.validate.report import IntegrityResult


def check_integrity(manifest: Manifest, folder: Path) -> tuple[IntegrityResult, ...]:
    """Each file of a manifest against its SHA-256; a file that is missing fails."""
    newest = {stage.output.file: stage.output for stage in manifest.stages}
    newest[manifest.goldens.file] = manifest.goldens
    return tuple(_checked(record, folder) for record in newest.values())


def _checked(record: FileRecord, folder: Path) -> IntegrityResult:
    try:
        found = sha256_of(folder / record.file)
    except OxidizedVisionError as error:
        return IntegrityResult(record.file, passed=False, reason=error.message)
    if found != record.sha256:
        reason = f"SHA-256 is {found[:12]}…, the manifest has {record.sha256[:12]}…"
        return IntegrityResult(record.file, passed=False, reason=reason)
    return IntegrityResult(record.file, passed=True, reason="")
