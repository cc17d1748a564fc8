"""The engines: which files a page loads for them, and with how many threads they run."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.wheels import FetchError

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "rust_runtime" / "examples" / "wasm_frontend" / "runtime" / "modules"
PACKAGE = Path(__file__).parent
_INSTALLED = PACKAGE / "node_modules"
SHIPPING = "shipping"
OURS, PEER = "ours", "onnxruntime"


class BuildError(Exception):
    """A module of ours is not there, or not built for shipping."""


@dataclass(frozen=True)
class Part:
    """What goes over the wire for one engine.

    adapter: the script in `pages/` that knows how to load it. build: how it was built, or which
    release it is.
    """

    name: str
    adapter: str
    folder: Path
    files: Sequence[str]
    build: Mapping[str, Any]


@dataclass(frozen=True)
class Engine:
    """A part with its threads, as the tables call it."""

    name: str
    part: str
    threads: int = 1


ORT = "onnxruntime-web"
RTEN, TRACT = "rten", "tract"
RTEN_2, ORT_2 = "rten, 2 threads", "onnxruntime-web, 2 threads"
ENGINES = (
    Engine(ORT, ORT),
    Engine(RTEN, RTEN),
    Engine(TRACT, TRACT),
    Engine(ORT_2, ORT, 2),
    Engine(RTEN_2, "rten-threads", 2),
)
"""onnxruntime-web's only module has threads, and is told to use one."""
_OF_OURS = ("oxidizedvision.js", "oxidizedvision_bg.wasm")
_OF_PEER = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")


def parts(modules: Path, *, every: bool) -> list[Part]:
    """Every part that is there.

    Args:
        modules: The folder of our modules.
        every: Whether all must be there, built for shipping.

    Raises:
        BuildError: a module is missing, or built otherwise; or there is none.
        FetchError: onnxruntime-web cannot be had.
    """
    names = [engine.part for engine in ENGINES if engine.part != ORT]
    there = [name for name in names if all((modules / name / file).is_file() for file in _OF_OURS)]
    missing = ", ".join(name for name in names if name not in there)
    if not there or (every and missing):
        raise BuildError(f"{modules} has no module {missing}: `make wasm` builds them")
    ours = [Part(name, OURS, modules / name, _OF_OURS, _build(modules / name)) for name in there]
    unfit = [part.name for part in ours if part.build.get("profile") != SHIPPING]
    if every and unfit:
        raise BuildError(f"{', '.join(unfit)} is not built for shipping: `make wasm` builds it")
    return [_peer(), *ours]


def present(there: Sequence[Part]) -> list[Engine]:
    """The engines whose part is there; onnxruntime-web with two threads only beside ours."""
    names = {part.name for part in there}
    others = {engine.threads for engine in ENGINES if engine.part in names - {ORT}}
    return [e for e in ENGINES if e.part in names and e.threads in others]


def _build(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "build.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BuildError(f"{folder}/build.json cannot be read: {error}") from error
    return {key: found.get(key) for key in ("version", "profile", "rustc", "sha256")}


def _peer() -> Part:
    lock = PACKAGE / "package-lock.json"
    stamp = _INSTALLED / ".lock-installed"
    if not stamp.is_file() or stamp.read_bytes() != lock.read_bytes():
        npm = shutil.which("npm")
        if npm is None:
            raise FetchError(f"{ORT} is fetched by npm, which is not here")
        done = subprocess.run([npm, "ci"], cwd=PACKAGE, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise FetchError(f"{ORT} cannot be fetched: {done.stderr.strip()}")
        shutil.copy(lock, stamp)
    folder = _INSTALLED / ORT
    version = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
    return Part(ORT, PEER, folder / "dist", _OF_PEER, {"version": version})
