"""What has to be shipped with an engine, as far as it can be known.

A library that an engine loads has a size. An engine that is compiled into the program has one when
a program was built; before, its part is not known, and only the model's file is counted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.auto.forms import Entrant
from oxidizedvision.auto.report import Dropped
from oxidizedvision.benchmark.statistics import LEAST_FLOOR
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.text import size_text
from oxidizedvision.runners.libraries import LIBRARIES, package_folder, prepare
from oxidizedvision.runners.target import Target

# What a program needs beside it to run an ONNX model, or TorchScript, on the CPU.
_BESIDE = {
    "ort": ("libonnxruntime.*",),
    "openvino": (
        "libopenvino_c.*",
        "libopenvino.*",
        "libopenvino_onnx_frontend.*",
        "libopenvino_*_cpu_plugin.*",
        "libtbb.*",
    ),
    "tch": ("libtorch.*", "libtorch_cpu.*", "libc10.*"),
}
_TORCH_FOLDER = "lib"


@dataclass(frozen=True)
class Shipped:
    """What has to be shipped.

    uncounted: what is not in `bytes` because nothing tells its size; empty where all is counted.
    """

    bytes: int
    uncounted: str = ""


Key = tuple[str, str]
"""An engine, and the precision of its file where that is not the model's first form's."""


def shipped(where: Target, entrants: Sequence[Entrant]) -> dict[Key, Shipped]:
    """The sizes by engine and precision.

    Programs that were built are only counted where there is one for every engine that is compiled
    in: one engine's program and another's bare file do not compare.
    """
    found = {}
    for file in dict.fromkeys(entrant.form.file for entrant in entrants):
        here = [entrant for entrant in entrants if entrant.form.file == file]
        programs = _programs(where, file)
        names = [entrant.engine for entrant in here]
        inside = [name for name in names if name not in _BESIDE and name != "tensorrt"]
        built = bool(inside) and all(name in programs for name in inside)
        for entrant in here:
            name = entrant.engine
            found[name, entrant.variant] = (
                Shipped(programs[name])
                if built and name in programs
                else _file_and_libraries(where, entrant)
            )
    return found


def _file_and_libraries(where: Target, entrant: Entrant) -> Shipped:
    name = entrant.engine
    path = entrant.form.file if entrant.variant else where.file_for(name)
    file = path.stat().st_size
    if name in _BESIDE:
        libraries = _library_bytes(name)
        rest = "the program" if libraries else "the engine's library and the program"
        return Shipped(file + libraries, rest)
    if name == "tensorrt":
        return Shipped(file, "TensorRT itself")
    return Shipped(file, "the program with the engine in it")


def _programs(where: Target, file: Path) -> dict[str, int]:
    """The newest built program of this model's file by engine."""
    packages = where.manifest.packages if where.manifest else []
    model = sha256_of(file) if packages else ""
    return {
        package.engine: package.program.bytes
        for package in sorted(packages, key=lambda package: package.created)
        if package.program is not None and package.model_sha256 == model
    }


def _library_bytes(name: str) -> int:
    """Libraries beside the one that the engine loads; a link and its file count once."""
    folder = _library_folder(name)
    if folder is None:
        return 0
    files = {path.resolve() for pattern in _BESIDE[name] for path in folder.glob(pattern)}
    return sum(file.stat().st_size for file in files if file.is_file())


def _library_folder(name: str) -> Path | None:
    if name == "tch":
        package = package_folder("torch")
        return package / _TORCH_FOLDER if package else None
    prepare(name)
    loaded = os.environ.get(LIBRARIES[name].variable)
    return Path(loaded).parent if loaded else None


def smallest(
    sizes: Mapping[Key, Shipped], entrants: Sequence[Entrant]
) -> tuple[tuple[Entrant, ...], tuple[Dropped, ...]]:
    """The entrants with which the least has to be shipped, and the others with theirs."""
    if not entrants:
        return (), ()
    own = {entrant: sizes[entrant.engine, entrant.variant].bytes for entrant in entrants}
    least = min(own.values())
    left = tuple(it for it, size in own.items() if size <= least * (1 + LEAST_FLOOR))
    larger = tuple(
        Dropped(
            it.name, it.engine, f"more to ship: {size_text(size)}, the least {size_text(least)}"
        )
        for it, size in own.items()
        if it not in left
    )
    return left, larger
