"""The programs without a model that the native wheel carries, one for each engine."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oxidizedvision.core.engines import NATIVE_MODULE
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.runners.libraries import package_folder

VARIABLE = "OXIDIZEDVISION_EXECUTABLES"
BUILD = "build.json"
SHIPPING = "executable"
"""Cargo's profile of the programs in the wheel."""

ENGINES = ("rten", "tract")
"""The engines that there are programs of, the smaller program first."""

_ENDING = ".exe" if os.name == "nt" else ""
_HINT = (
    "Install the wheel oxidizedvision-native (`make native` in a checkout), or set "
    f"{VARIABLE} to a folder that `scripts/executables.sh` filled."
)


@dataclass(frozen=True)
class Prebuilt:
    """A program without a model. bill: its crates as CycloneDX. target: what it runs on."""

    program: Path
    bill: Path
    target: str


def prebuilt_for(engine: str, target: str | None = None) -> Prebuilt:
    """The program of an engine, as it was built, for this machine or another target.

    Raises:
        OxidizedVisionError: `dependency_missing` where there is none, `check_failed` where it is
            another one by now, `corrupt` where nothing says how it was built.
    """
    folder = _folder() if target is None else _folder_of(target)
    program = folder / f"executable-{engine}{_ENDING}"
    if not program.is_file():
        raise OxidizedVisionError(
            Kind.DEPENDENCY_MISSING, f"There is no program for {engine}: {program}", _HINT
        )
    build = _build_of(folder / BUILD, engine)
    if sha256_of(program) != build["sha256"]:
        raise OxidizedVisionError(
            Kind.CHECK_FAILED, f"{program} is not the program that was built", _HINT
        )
    if build["profile"] != SHIPPING:
        warnings.warn(
            f"The program of {engine} was built for tests: it is larger than the wheel's, which "
            "`make wheel` builds",
            OxidizedVisionWarning,
            stacklevel=2,
        )
    return Prebuilt(program, folder / f"executable-{engine}.cdx.json", build["target"])


def _folder_of(target: str) -> Path:
    """The folder of a target's programs: this machine's own, or one in it by the target's name."""
    folder = _folder()
    others = sorted(path.parent.name for path in folder.glob(f"*/{BUILD}"))
    if target in others:
        return folder / target
    own = {_build_of(folder / BUILD, engine)["target"] for engine in ENGINES}
    if target in own:
        return folder
    raise OxidizedVisionError(
        Kind.DEPENDENCY_MISSING,
        f"There are no programs for the target {target!r}, but for {', '.join((*own, *others))}",
        f"In a checkout, `scripts/executables.sh --target {target}` builds them.",
    )


def _folder() -> Path:
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).absolute()
    native = package_folder(NATIVE_MODULE)
    if native is None:
        raise OxidizedVisionError(
            Kind.DEPENDENCY_MISSING, "The native wheel is not installed", _HINT
        )
    return native / "executables"


def _build_of(path: Path, engine: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())[engine]
        lacking = {"profile", "sha256", "target"} - set(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OxidizedVisionError(
            Kind.CORRUPT, f"{path} does not say how {engine} was built: {error}", _HINT
        ) from error
    if lacking:
        raise OxidizedVisionError(
            Kind.CORRUPT, f"{path} lacks {', '.join(sorted(lacking))} of {engine}", _HINT
        )
    return found
