"""A package opened again: its files under the names that its manifest knows them by."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.manifest import SUFFIX, Manifest, load_manifest
from oxidizedvision.package import archive
from oxidizedvision.package.seal import SEAL, Seal, read_seal, seal_of


@dataclass(frozen=True)
class Opened:
    """A package.

    path: the package itself. manifest: with all stages. manifest_path: one that lists the model's
    own stage, beside model and goldens, in a folder that goes with the block. program: what runs
    the model, where it is there and built.
    """

    path: Path
    seal: Seal
    manifest_path: Path
    manifest: Manifest
    model: Path
    program: Path | None


def is_package(path: Path) -> bool:
    """Whether a path is a package of ours: a sealed folder, or an executable with its model."""
    return (path / SEAL).is_file() or (path.is_file() and archive.is_executable(path))


def read_seal_of(path: Path) -> Seal:
    """The seal of a package of any kind.

    Raises:
        OxidizedVisionError: `usage` where it is no package, `not_found` where nothing is there,
            `check_failed` where the seal, or of an executable any byte, is not what was written, or
            a program ends before its model.
    """
    if path.is_dir() and (path / SEAL).is_file():
        return seal_of(path)
    if path.is_file() and archive.is_executable(path):
        with archive.opened(path) as parts:
            return read_seal(parts.read(SEAL), f"{SEAL} in {path}")
    hint = "Give the folder or the file that `oxidizedvision package` wrote."
    if not path.exists():
        raise OxidizedVisionError(Kind.NOT_FOUND, f"There is no file or folder {path}", hint)
    if path.is_file() and _is_program(path):
        raise OxidizedVisionError(
            Kind.CHECK_FAILED,
            f"{path} is a program without a whole model behind it: no package, or one cut short",
            "Compare its length with that of the original, and copy it again.",
        )
    lacking = f"it has no {SEAL}" if path.is_dir() else "it is no program with a model in it"
    raise OxidizedVisionError(
        Kind.USAGE, f"{path} is no package of OxidizedVision: {lacking}", hint
    )


def _is_program(path: Path) -> bool:
    """Whether a file begins as native programs do, on Linux, Windows or macOS."""
    with file_errors(path), path.open("rb") as file:
        return file.read(4).startswith((b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe"))


@contextmanager
def opened_package(path: Path) -> Iterator[Opened]:
    """Open a package; nothing in it is changed.

    Raises:
        OxidizedVisionError: as `read_seal_of`; `corrupt` where its manifest lists no such model.
    """
    seal = read_seal_of(path)
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-package-") as name:
        folder = Path(name)
        source = path if path.is_dir() else _extracted(path, folder / "parts")
        manifest = load_manifest(source / seal.says.manifest)
        manifest_path = folder / f"{manifest.name}{SUFFIX}"
        model = folder / manifest.stages[-1].output.file
        with file_errors(path):
            _placed(source / seal.says.model, model)
            _placed(source / seal.says.goldens, folder / manifest.goldens.file)
        # The files of the stages before are not in the package.
        manifest.model_copy(update={"stages": manifest.stages[-1:]}).save(manifest_path)
        yield Opened(path, seal, manifest_path, manifest, model, program_of(path, seal))


def program_of(path: Path, seal: Seal) -> Path | None:
    """The program of a package, which a crate has once it is built."""
    if path.is_file():
        return path
    name = f"{seal.says.name}.exe" if os.name == "nt" else seal.says.name
    program = path / "bin" / name
    return program if seal.says.kind == "program" and program.is_file() else None


def _extracted(path: Path, folder: Path) -> Path:
    with archive.opened(path) as parts:
        for name in parts.namelist():
            if Path(name).name != name:
                raise OxidizedVisionError(
                    Kind.CORRUPT,
                    f"{path} holds {name!r}, which is no part of ours",
                    "Make the package again.",
                )
        parts.extractall(folder)
    return folder


def _placed(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where there can be none."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
