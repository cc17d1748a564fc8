"""The registry's file: JSON, locked for writing, replaced whole, with a copy beside it."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import file_errors, make_folder, write_text
from oxidizedvision.core.manifest import Manifest, load_manifest
from oxidizedvision.core.results import to_plain
from oxidizedvision.core.tensors import TensorSpec

SCHEMA_VERSION = 1
ID_LENGTH = 12
LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class Entry:
    """One registered model.

    id: the first 12 digits of the SHA-256 of the ONNX file that `convert` wrote.
    model: the newest ONNX file, the optimised one where there is one; `bytes` is its size.
    created: when the model was converted; updated: when it was last registered.
    """

    id: str
    name: str
    manifest: Path
    model: Path
    created: str
    updated: str
    bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


_ENTRIES: TypeAdapter[dict[str, Entry]] = TypeAdapter(dict[str, Entry])


def registry_path() -> Path:
    """The registry's file: in OXIDIZEDVISION_HOME, or in the user's data folder."""
    home = os.environ.get("OXIDIZEDVISION_HOME")
    folder = Path(home) if home else platformdirs.user_data_path("oxidizedvision")
    return folder / "registry.json"


def register(manifest: str | Path) -> Entry:
    """Enter the model of a manifest, or bring its entry up to date.

    Raises:
        OxidizedVisionError: `not_found` or `corrupt` for the manifest or the registry,
            `file_system` when it cannot be written or another process holds it for too long.
    """
    path = Path(manifest).absolute()
    entry = _entry_of(path, load_manifest(path))
    registry = registry_path()
    with _locked(registry):
        entries = _recovered(registry)
        _write(registry, {**entries, entry.id: entry})
    return entry


def list_models(*, name: str | None = None) -> list[Entry]:
    """Every entry whose name contains `name`, the newest first.

    Raises:
        OxidizedVisionError: `corrupt` when neither the registry nor its copy can be read.
    """
    registry = registry_path()
    try:
        entries = _read(registry)
    except _DamagedError:
        with _locked(registry):
            entries = _recovered(registry)
    found = [entry for entry in entries.values() if name is None or name in entry.name]
    return sorted(found, key=lambda entry: (entry.created, entry.updated), reverse=True)


def find(name_or_id: str) -> Entry:
    """The newest entry of a name, or the entry whose id begins with these digits.

    Raises:
        OxidizedVisionError: `not_found`, with the nearest name.
    """
    entries = list_models()
    for entry in entries:
        if entry.name == name_or_id:
            return entry
    by_id = [entry for entry in entries if len(name_or_id) >= 4 and entry.id.startswith(name_or_id)]
    if len(by_id) == 1:
        return by_id[0]
    clause = nearest(name_or_id, {entry.name for entry in entries})
    raise OxidizedVisionError(
        Kind.NOT_FOUND,
        f"No registered model is called {name_or_id!r}{clause}",
        "`oxidizedvision list` shows what is registered; `oxidizedvision convert` registers.",
    )


def entry_id(manifest: Manifest) -> str:
    """The id of a manifest's model: of what `convert` wrote, whatever was optimised since.

    Raises:
        OxidizedVisionError: `not_found` for a manifest without an ONNX file.
    """
    for stage in manifest.stages:
        if stage.name == "onnx":
            return stage.output.sha256[:ID_LENGTH]
    return manifest.head("onnx").sha256[:ID_LENGTH]


class _DamagedError(Exception):
    """A registry file that is there and cannot be understood."""


def _entry_of(path: Path, manifest: Manifest) -> Entry:
    head = manifest.head("onnx")
    return Entry(
        id=entry_id(manifest),
        name=manifest.name,
        manifest=path,
        model=path.parent / head.file,
        created=manifest.created,
        updated=datetime.now(UTC).isoformat(timespec="milliseconds"),
        bytes=head.bytes,
        inputs=tuple(spec.spec() for spec in manifest.inputs),
        outputs=tuple(spec.spec() for spec in manifest.outputs),
    )


@contextmanager
def _locked(registry: Path) -> Iterator[None]:
    make_folder(registry.parent)
    lock = FileLock(registry.with_suffix(".lock"), timeout=LOCK_SECONDS, poll_interval=0.01)
    with file_errors(registry):
        try:
            lock.acquire()
        except Timeout as error:
            raise OxidizedVisionError(
                Kind.FILE_SYSTEM,
                f"Another process has held {lock.lock_file} for {LOCK_SECONDS:.0f} s",
                "Wait for it, or end it.",
            ) from error
    try:
        yield
    finally:
        lock.release()


def _copy_of(registry: Path) -> Path:
    return registry.with_suffix(".copy.json")


def _read(registry: Path) -> dict[str, Entry]:
    """The entries of one file; none where there is no file.

    Raises:
        _DamagedError: with the reason.
        OxidizedVisionError: `unsupported` for the file of a newer version, `file_system`.
    """
    if not registry.exists():
        if _copy_of(registry).exists():
            raise _DamagedError("it is missing, its copy is there")
        return {}
    with file_errors(registry):
        content = registry.read_bytes()
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _DamagedError(str(error)) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"{registry} has schema_version {version}; this version reads {SCHEMA_VERSION}",
            "Install the newer OxidizedVision, or set OXIDIZEDVISION_HOME to another folder.",
        )
    if version != SCHEMA_VERSION:
        raise _DamagedError("it has no schema_version 1")
    try:
        return _ENTRIES.validate_python(document.get("entries"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _DamagedError(f"entries.{where}: {first['msg']}") from error


def _recovered(registry: Path) -> dict[str, Entry]:
    """The entries; those of the copy where the registry itself is damaged.

    The damaged file is kept under another name. The lock must be held.
    """
    copy = _copy_of(registry)
    try:
        return _read(registry)
    except _DamagedError as error:
        reason = error
    try:
        entries = _read(copy)
    except _DamagedError:
        entries = None
    if entries is None or not copy.exists():
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"The registry {registry} is damaged: {reason}; its copy {copy.name} is no help",
            "Correct the file or move it away; nothing was overwritten. Converting a model again "
            "registers it again.",
        ) from reason
    kept = registry.with_suffix(f".damaged-{time.time_ns()}.json")
    if registry.exists():
        with file_errors(registry):
            registry.replace(kept)
    _write(registry, entries)
    warnings.warn(
        f"The registry {registry} was damaged ({reason}); its {len(entries)} entries were taken "
        f"from the copy" + (f", and the file was kept as {kept.name}" if kept.exists() else ""),
        OxidizedVisionWarning,
        stacklevel=3,
    )
    return entries


def _write(registry: Path, entries: dict[str, Entry]) -> None:
    """Write the registry, then the copy: at every moment one of them is whole and up to date."""
    document = {"schema_version": SCHEMA_VERSION, "entries": to_plain(entries)}
    text = json.dumps(document, indent=1) + "\n"
    write_text(registry, text)
    write_text(_copy_of(registry), text)
