"""Manifests as they were registered, each under the SHA-256 of its content.

An output folder is written over; what its older models came from is still known here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from oxidizedvision.core.files import file_errors, write_bytes
from oxidizedvision.core.manifest import Manifest
from oxidizedvision.registry.store import registry_path


def objects_folder() -> Path:
    """Beside the registry."""
    return registry_path().parent / "objects"


def object_path(sha256: str) -> Path:
    """Where the content with this SHA-256 stands, if it does."""
    return objects_folder() / f"{sha256}.json"


def keep(manifest: Manifest) -> str:
    """Keep a manifest, and give the SHA-256 that it is found by. Call it inside `changing`.

    Inside, because `gc` deletes what no entry names.
    """
    content = (manifest.model_dump_json() + "\n").encode()
    sha256 = hashlib.sha256(content).hexdigest()
    path = object_path(sha256)
    if not path.exists():
        write_bytes(path, content, flush=False)
    return sha256


def kept(sha256: str | None) -> Manifest | None:
    """The manifest that was kept; None where it is gone or is not what was kept.

    Raises:
        OxidizedVisionError: `file_system` when it cannot be read.
    """
    if sha256 is None:
        return None
    path = object_path(sha256)
    if not path.exists():
        return None
    with file_errors(path):
        content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        return None
    try:
        return Manifest.model_validate_json(content)
    except ValidationError:
        return None
