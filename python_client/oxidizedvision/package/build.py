"""Cargo, as far as generated crates need it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import atomic_path, file_errors, make_folder
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.package.bill import TREE, crate_components, locked_components
from oxidizedvision.package.sources import rust_root

_LINES_SHOWN = 15
_BUILDING = "cargo build --release (the first build of an engine takes minutes)"


def find_cargo() -> str | None:
    """Cargo's path, or None where there is no Rust toolchain."""
    return shutil.which("cargo")


def lock_to_content(crate: Path) -> None:
    """Cut the copied Cargo.lock down to the crate, so that `cargo build --locked` accepts it.

    Without Cargo the longer lock stays; Cargo then cuts it itself at the first build.
    """
    cargo = find_cargo()
    if cargo is None:
        return
    command = [cargo, "metadata", "--format-version", "1", "--quiet"]
    offline = _run([*command, "--offline"], crate)
    if offline.returncode != 0:
        online = _run(command, crate)
        if online.returncode != 0:
            raise _failed("Cargo does not accept the generated crate", online.stderr)


def crates_of(crate: Path) -> list[dict[str, Any]]:
    """The crates that a generated crate is built from, as its bill of materials lists them.

    Without Cargo they are those of the lock, whose licences nobody tells.
    """
    cargo = find_cargo()
    if cargo is None:
        return locked_components(crate / "Cargo.lock")
    done = _run([cargo, *TREE], crate)
    if done.returncode != 0:
        raise _failed("Cargo does not list the crates of the generated one", done.stderr)
    return crate_components(done.stdout)


def build_program(crate: Path, name: str, *, notify: Notify = silent) -> Path:
    """Build a generated crate and put its program into the crate's `bin` folder.

    All packages share one target folder, so that an engine is compiled once.

    Raises:
        OxidizedVisionError: `dependency_missing` without Cargo, `build_failed` with its last lines.
    """
    cargo = _needed_cargo("program")
    target = target_folder()
    notify(_BUILDING)
    file = f"{name}.exe" if os.name == "nt" else name
    executable = make_folder(crate / "bin") / file
    # Held until the program is copied: another crate of this name would put its own there.
    with _only_build(target):
        _cargo_build(cargo, crate, target)
        with atomic_path(executable) as temporary, file_errors(executable):
            shutil.copyfile(target / "release" / file, temporary)
    executable.chmod(0o755)
    return executable


def build_library(crate: Path, *, notify: Notify = silent) -> None:
    """Build a generated library, so that what is packaged is known to compile here.

    Raises:
        OxidizedVisionError: as `build_program`.
    """
    cargo = _needed_cargo("library")
    target = target_folder()
    notify(_BUILDING)
    with _only_build(target):
        _cargo_build(cargo, crate, target)


def _needed_cargo(what: str) -> str:
    cargo = find_cargo()
    if cargo is None:
        raise OxidizedVisionError(
            Kind.DEPENDENCY_MISSING,
            f"Building the {what} needs Cargo, which is not on PATH",
            "Install Rust 1.94 or newer (rustup), then run `cargo build --release` in the crate.",
        )
    return cargo


def _cargo_build(cargo: str, crate: Path, target: Path) -> None:
    done = _run([cargo, "build", "--release", "--quiet", "--target-dir", str(target)], crate)
    if done.returncode != 0:
        raise _failed(f"cargo build failed in {crate}", done.stderr)


@contextmanager
def _only_build(target: Path) -> Iterator[None]:
    """Wait until no other process builds a package in this target folder."""
    with file_errors(target):
        lock = FileLock(make_folder(target) / ".oxidizedvision.lock")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def target_folder() -> Path:
    """CARGO_TARGET_DIR, else the checkout's own target folder, else one in the user's cache."""
    given = os.environ.get("CARGO_TARGET_DIR")
    if given:
        return Path(given).absolute()
    if rust_root().name == "rust_runtime":
        return rust_root() / "target"
    return Path(platformdirs.user_cache_dir("oxidizedvision")) / "target"


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _failed(what: str, output: str) -> OxidizedVisionError:
    last = "\n".join(output.strip().splitlines()[-_LINES_SHOWN:])
    return OxidizedVisionError(
        Kind.BUILD_FAILED, f"{what}:\n{last}", "Run `cargo build --release` there to see it all."
    )
