"""The seal of a package: what is in it, and the SHA-256 of every file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oxidizedvision.core.crates import crate_files
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors, sha256_of
from oxidizedvision.core.manifest import tool_versions

SEAL = "package.oxv.json"
"""The seal's name in a package; its own `sha256` is over the rest of it."""

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Sealed:
    """What a seal says.

    model, goldens, manifest: names of files in the package. engine_version: of a wasm module.
    threads: those of the program where it is not told otherwise; None leaves it to the engine.
    program: SHA-256 of the program that an executable's parts stand behind, and that no file lists.
    """

    kind: str
    name: str
    engine: str
    model: str
    goldens: str
    manifest: str
    engine_version: str = ""
    threads: int | None = None
    program: str = ""


@dataclass(frozen=True)
class Seal:
    """A seal that was read. files: SHA-256 of every other file by its path in the package."""

    says: Sealed
    version: str
    files: Mapping[str, str]


def seal_text(says: Sealed, files: Mapping[str, Path]) -> str:
    """The seal of files by their paths in the package; the same files give the same text."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": says.kind,
        "name": says.name,
        "version": tool_versions()["oxidizedvision"],
        "engine": says.engine,
        "engine_version": says.engine_version,
        "threads": says.threads,
        "model": says.model,
        "goldens": says.goldens,
        "manifest": says.manifest,
        **({"program": says.program} if says.program else {}),
        "files": {
            name: {"sha256": sha256_of(files[name]), "bytes": files[name].stat().st_size}
            for name in sorted(files)
        },
    }
    return _text({**document, "sha256": _digest(document)})


def seal_folder(folder: Path, says: Sealed) -> None:
    """Write the seal of a folder, over all that is in it."""
    files = {path.relative_to(folder).as_posix(): path for path in crate_files(folder)}
    (folder / SEAL).write_text(seal_text(says, files), encoding="utf-8")


def read_seal(content: bytes, where: str) -> Seal:
    """What a seal says, once it is known to be whole to the last byte.

    Raises:
        OxidizedVisionError: `check_failed` for one that was changed, `corrupt` for one of another
            version.
    """
    try:
        document = json.loads(content)
        version = document["schema_version"]
        digest = document.pop("sha256")
        whole = content.decode() == _text({**document, "sha256": digest})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _changed(where) from error
    if not whole or digest != _digest(document):
        raise _changed(where)
    if version != SCHEMA_VERSION:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{where} has schema_version {version}, this version reads {SCHEMA_VERSION}",
            "Verify it with the version of OxidizedVision that made the package.",
        )
    names = ("kind", "name", "engine", "model", "goldens", "manifest", "engine_version", "threads")
    return Seal(
        Sealed(**{name: document[name] for name in names}, program=document.get("program", "")),
        document["version"],
        {name: record["sha256"] for name, record in document["files"].items()},
    )


def seal_of(folder: Path) -> Seal:
    """The seal of a folder.

    Raises:
        OxidizedVisionError: as `read_seal`; `not_found` where there is none.
    """
    path = folder / SEAL
    with file_errors(path):
        content = path.read_bytes()
    return read_seal(content, str(path))


def _changed(where: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.CHECK_FAILED,
        f"{where} is not the seal that was written: its own SHA-256 differs",
        "Copy the package again from where it was made, or make it again.",
    )


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(_text(document).encode()).hexdigest()


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
