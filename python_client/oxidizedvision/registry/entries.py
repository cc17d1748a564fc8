"""What the registry holds of a model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import Manifest
from oxidizedvision.core.tensors import TensorSpec

ID_LENGTH = 12
EntryStatus = Literal["present", "missing", "replaced"]


@dataclass(frozen=True)
class Entry:
    """One registered model.

    id: the first 12 digits of `sha256`.
    model: the newest ONNX file, the optimised one where there is one; `bytes` is its size.
    created: when the model was converted; updated: when it was last registered.
    sha256: of the ONNX file that `convert` wrote. Only its first 12 digits where version 1 of the
    registry wrote the entry.
    version: counts the models of one name, from 1; `NAME@VERSION` is this one.
    files: names of the manifest's files, beside it. formats: of these files.
    engines: those that crates were made for. snapshot: SHA-256 of the manifest that was kept.
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
    sha256: str
    version: int
    tags: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    snapshot: str | None = None

    @property
    def label(self) -> str:
        """Name and version, as every verb takes them."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class ListedEntry(Entry):
    """An entry with what became of its files.

    status: `missing` where some are gone, `replaced` where the manifest is another model's now.
    missing: names of the files that are gone.
    """

    status: EntryStatus = "present"
    missing: tuple[str, ...] = ()


def model_sha256(manifest: Manifest) -> str:
    """The SHA-256 that a manifest's model is known by: of what `convert` wrote.

    Raises:
        OxidizedVisionError: `not_found` for a manifest without an ONNX file.
    """
    for stage in manifest.stages:
        if stage.name == "onnx":
            return stage.output.sha256
    return manifest.head("onnx").sha256


def entry_of(path: Path, manifest: Manifest, snapshot: str) -> Entry:
    """The entry of a manifest; its version and tags are the registry's to give."""
    head = manifest.head("onnx")
    sha256 = model_sha256(manifest)
    return Entry(
        id=sha256[:ID_LENGTH],
        name=manifest.name,
        manifest=path,
        model=path.parent / head.file,
        created=manifest.created,
        updated=datetime.now(UTC).isoformat(timespec="milliseconds"),
        bytes=head.bytes,
        inputs=tuple(spec.spec() for spec in manifest.inputs),
        outputs=tuple(spec.spec() for spec in manifest.outputs),
        sha256=sha256,
        version=0,
        formats=_formats(manifest),
        engines=tuple(sorted({package.engine for package in manifest.packages})),
        files=manifest_files(manifest),
        snapshot=snapshot,
    )


def manifest_files(manifest: Manifest) -> tuple[str, ...]:
    """Names of the files that a manifest lists beside itself.

    Raises:
        OxidizedVisionError: `corrupt` for a name that leads out of the manifest's folder.
    """
    names = dict.fromkeys([*(s.output.file for s in manifest.stages), manifest.goldens.file])
    for name in names:
        if Path(name).name != name or name in ("", ".", ".."):
            raise OxidizedVisionError(
                Kind.CORRUPT,
                f"The manifest of {manifest.name} lists {name!r}, which is not beside it",
                "Run `oxidizedvision convert` again; it writes a new one.",
            )
    return tuple(names)


def listed(entry: Entry, newest_of_manifest: str) -> ListedEntry:
    """An entry with the state of its files; nothing is read of them.

    Args:
        entry: The entry.
        newest_of_manifest: SHA-256 of the model that the entry's manifest was last registered for.
    """
    names = (entry.manifest.name, entry.model.name, *entry.files)
    folder = entry.manifest.parent
    missing = tuple(name for name in dict.fromkeys(names) if is_gone(folder / name))
    status: EntryStatus = "missing" if missing else "present"
    if not missing and newest_of_manifest != entry.sha256:
        status = "replaced"
    fields = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    return ListedEntry(**fields, status=status, missing=missing)


def is_gone(path: Path) -> bool:
    """Whether there is certainly no such file; one that cannot be looked at is not gone."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _formats(manifest: Manifest) -> tuple[str, ...]:
    names = {s.name if s.name in ("torchscript", "pt2") else "onnx" for s in manifest.stages}
    return tuple(sorted(names))
