"""The links to what a package was made from, where that is at hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from oxidizedvision.core.crates import crate_sha256
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import SUFFIX, Manifest, PackageRecord, load_manifest
from oxidizedvision.package.opened import Opened
from oxidizedvision.registry.lineage import LineageItem, lineage_of
from oxidizedvision.verify.report import Link, LinkStatus

_STATUS: dict[str, LinkStatus] = {
    "present": "whole",
    "changed": "broken",
    "missing": "unchecked",
    "unchecked": "unchecked",
}


def links(opened: Opened, origin: Path | None) -> Iterator[Link]:
    """Source, config, checkpoint and files of the stages, and the record of the package.

    Raises:
        OxidizedVisionError: `not_found` where the origin that is named has no such manifest.
    """
    path = _manifest_of(opened, origin)
    if path is None:
        detail = "what it was made from is not here: --origin names its folder"
        yield Link("origin", "unchecked", detail)
        return
    folder = path.parent
    sealed = opened.manifest.model_copy(update={"packages": []})
    yield _config(folder, sealed)
    for item in lineage_of(folder, sealed):
        yield _link(item)
    yield _record(opened, load_manifest(path), folder)


def _manifest_of(opened: Opened, origin: Path | None) -> Path | None:
    """The manifest of the model where it was converted; None where nobody says where that is."""
    name = f"{opened.manifest.name}{SUFFIX}"
    if origin is None:
        beside = opened.path.absolute().parent / name
        return beside if beside.is_file() else None
    path = origin / name if origin.is_dir() else origin
    if not path.is_file():
        raise OxidizedVisionError(
            Kind.NOT_FOUND,
            f"There is no manifest {path}",
            "Name the folder that `oxidizedvision convert` wrote, or the manifest in it.",
        )
    return path


def _config(folder: Path, manifest: Manifest) -> Link:
    """The config, which the manifest knows by its content alone."""
    name, wanted = "origin: config", manifest.source.config_sha256
    if wanted is None:
        return Link(name, "unchecked", "no SHA-256 was recorded")
    for place in (folder, folder.parent, (folder / manifest.source.path).parent):
        for path in place.glob("*.y*ml"):
            if path.is_file() and sha256_of(path) == wanted:
                return Link(name, "whole", f"{path.name}, SHA-256 {wanted[:12]}")
    detail = f"no .yml file in {folder}, beside it or beside the source has SHA-256 {wanted[:12]}"
    return Link(name, "unchecked", detail)


def _link(item: LineageItem) -> Link:
    name = f"origin: {item.role}"
    details = {
        "present": f"{item.path.name}, SHA-256 {(item.sha256 or '')[:12]}",
        "changed": f"{item.path} is not what the package was made from: its SHA-256 differs",
        "missing": f"{item.path} is not there",
        "unchecked": f"of {item.path} no SHA-256 was recorded",
    }
    return Link(name, _STATUS[item.status], details[item.status])


def _record(opened: Opened, manifest: Manifest, folder: Path) -> Link:
    """Whether the manifest lists this package, and as it is."""
    found = crate_sha256(opened.path)
    records = manifest.packages
    same = next((record for record in records if record.sha256 == found), None)
    if same is None:
        here = os.path.realpath(opened.path)
        places = {os.path.realpath(folder / record.path) for record in records}
        if here in places:
            return Link("record", "broken", "the manifest records another package in its place")
        return Link("record", "unchecked", "the manifest does not list this package")
    return _of_program(opened, same)


def _of_program(opened: Opened, record: PackageRecord) -> Link:
    """Whether the program is the one that was built when the package was made."""
    program = opened.program if opened.path.is_dir() else None
    recorded = record.program.sha256 if record.program else ""
    if program is not None and not recorded:
        detail = f"the package is recorded, and {program} in it is not"
        return Link("record", "unchecked", detail)
    if program is not None and sha256_of(program) != recorded:
        detail = f"{program} is not the program that was built: its SHA-256 differs"
        return Link("record", "broken", detail)
    return Link("record", "whole", f"as it was recorded on {record.created}")
