"""The links that a package can show by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from oxidizedvision.core.crates import crate_files, crate_strangers
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.text import counted
from oxidizedvision.package import archive
from oxidizedvision.package.opened import Opened
from oxidizedvision.package.seal import SEAL, Seal
from oxidizedvision.verify.report import Link


def links(path: Path, seal: Seal) -> Iterator[Link]:
    """Whether the files are those that the seal lists."""
    yield _of_parts(path, seal) if path.is_file() else _of_files(path, seal)


def stage_links(opened: Opened) -> Iterator[Link]:
    """Whether model and goldens are those of the manifest, and its stages hang together."""
    manifest = opened.manifest
    last = manifest.stages[-1].output
    yield _same("model", sha256_of(opened.model), last.sha256, last.file)
    goldens = manifest.goldens
    found = sha256_of(opened.manifest_path.parent / goldens.file)
    yield _same("goldens", found, goldens.sha256, goldens.file)
    made: set[str] = set()
    for stage in manifest.stages:
        if stage.input_sha256 is not None and stage.input_sha256 not in made:
            detail = f"{stage.name} was made from a file that no stage before it made"
            yield Link("stages", "broken", f"{detail}: SHA-256 {stage.input_sha256}")
            return
        made.add(stage.output.sha256)
    names = " -> ".join(stage.name for stage in manifest.stages)
    yield Link("stages", "whole", names)


def _of_files(folder: Path, seal: Seal) -> Link:
    found = {path.relative_to(folder).as_posix(): path for path in crate_files(folder)}
    found.pop(SEAL)
    for path in crate_strangers(folder):
        name = path.relative_to(folder).as_posix()
        written = "was written as a file" if name in seal.files else "was not there"
        what = "a link" if path.is_symlink() else "no regular file"
        return Link("files", "broken", f"{name} is {what}, and {written}")
    for name, sha256 in seal.files.items():
        if name not in found:
            return Link("files", "broken", f"{name} is missing")
        if sha256_of(found[name]) != sha256:
            return Link("files", "broken", f"{name} has changed: its SHA-256 differs")
    more = sorted(set(found) - set(seal.files))
    if more:
        return Link("files", "broken", f"{more[0]} was not there when the package was made")
    return Link("files", "whole", f"{counted(len(found), 'file')} as they were written")


def _of_parts(path: Path, seal: Seal) -> Link:
    """The file's own sum was compared when it was opened; its parts must be the seal's, too."""
    import hashlib

    with archive.opened(path) as parts:
        if seal.says.program and archive.program_sha256(path, parts) != seal.says.program:
            return Link("files", "broken", "its program has changed: its SHA-256 differs")
        names = [name for name in parts.namelist() if name != SEAL]
        if sorted(names) != sorted(seal.files):
            return Link("files", "broken", "its parts are not those that the seal lists")
        for name in names:
            if hashlib.sha256(parts.read(name)).hexdigest() != seal.files[name]:
                return Link("files", "broken", f"{name} has changed: its SHA-256 differs")
    return Link("files", "whole", f"program and {counted(len(names), 'part')} as they were written")


def _same(name: str, found: str, recorded: str, file: str) -> Link:
    if found == recorded:
        return Link(name, "whole", f"{file}, SHA-256 {found[:12]}")
    detail = f"it is not the {file} of the manifest: SHA-256 {found[:12]}, recorded {recorded[:12]}"
    return Link(name, "broken", detail)
