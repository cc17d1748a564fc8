"""What was built for browsers: the engines' modules, the page, and what runs a module in Node."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of

VARIABLE = "OXIDIZEDVISION_WASM"
SCRIPT, BINARY, BUILD = "oxidizedvision.js", "oxidizedvision_bg.wasm", "build.json"
MODULE_FILES = (SCRIPT, BINARY, BUILD)
CRATES = "crates.txt"
"""What a module is made of, as `cargo tree` says it."""
BUILD_HINT = (
    "Build it: `make wasm` in the OxidizedVision repository, or set "
    f"{VARIABLE} to a folder that has modules/."
)
_PACKAGE = Path(__file__).resolve().parents[1]
_SOURCES = _PACKAGE.parents[1] / "rust_runtime" / "examples" / "wasm_frontend"


@dataclass(frozen=True)
class Parts:
    """A folder with `modules/NAME` and the scripts for Node; page: the folder of the built page."""

    folder: Path
    page: Path

    def module(self, name: str) -> Path:
        """The folder of an engine's module."""
        return self.folder / "modules" / name

    def script(self, name: str) -> Path:
        """A script for Node, which may stand apart from modules that a variable names."""
        own = self.folder / name
        return own if own.is_file() else _shipped().folder / name


@dataclass(frozen=True)
class Build:
    """What `build.json` says of a module. version: of the engine. sha256: of the binary."""

    profile: str
    version: str
    sha256: str
    dtypes: tuple[str, ...]

    @property
    def is_for_shipping(self) -> bool:
        """Whether it was built small and fast, which takes long, and not for tests."""
        return self.profile == "shipping"


def find_parts() -> Parts:
    """Where the parts are: what the variable names, else the package's own, else the checkout's."""
    named = os.environ.get(VARIABLE)
    if named:
        return Parts(Path(named).absolute(), Path(named).absolute() / "page")
    return _shipped()


def _shipped() -> Parts:
    inside = _PACKAGE / "wasm"
    if inside.is_dir():
        return Parts(inside, inside / "page")
    return Parts(_SOURCES / "runtime", _SOURCES / "page" / "dist")


def has_module(name: str) -> bool:
    """Whether the module of an engine was built."""
    folder = find_parts().module(name)
    return all((folder / file).is_file() for file in MODULE_FILES)


def build_of(name: str) -> Build:
    """How the module of an engine was built.

    Raises:
        OxidizedVisionError: `corrupt` where `build.json` is not what the build writes.
    """
    path = find_parts().module(name) / BUILD
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        return Build(
            profile=str(document["profile"]),
            version=str(document.get("version", "")),
            sha256=str(document["sha256"]),
            dtypes=tuple(map(str, document.get("dtypes", ()))),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OxidizedVisionError(
            Kind.CORRUPT, f"{path} does not say how the module was built: {error}", BUILD_HINT
        ) from error


def check_whole(name: str) -> Path:
    """The folder of a module that is the one that was built.

    Raises:
        OxidizedVisionError: `dependency_missing` where it was not built, `check_failed` where it
            is another one by now.
    """
    folder = find_parts().module(name)
    lacking = next((file for file in MODULE_FILES if not (folder / file).is_file()), None)
    if lacking is not None:
        raise OxidizedVisionError(
            Kind.DEPENDENCY_MISSING,
            f"The WebAssembly module of {name} is not built: there is no {folder / lacking}",
            BUILD_HINT,
        )
    if sha256_of(folder / BINARY) != build_of(name).sha256:
        raise OxidizedVisionError(
            Kind.CHECK_FAILED,
            f"{folder / BINARY} is not the module that was built: its SHA-256 differs",
            BUILD_HINT,
        )
    return folder
