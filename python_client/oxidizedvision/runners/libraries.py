"""Where the Rust engines find the libraries of installed Python packages.

The engines look for a library where an environment variable says, so the variable is set for this
process and those that it starts, unless the user has set it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LIBTORCH = Path("lib/libtorch_cpu.so")


@dataclass(frozen=True)
class Library:
    """A library that a Python package brings.

    variable: the environment variable that the engine reads. package: the Python package.
    pattern: the file inside it.
    """

    variable: str
    package: str
    pattern: str


LIBRARIES = {
    "ort": Library("ORT_DYLIB_PATH", "onnxruntime", "capi/libonnxruntime.*"),
    "openvino": Library("OPENVINO_DYLIB_PATH", "openvino", "libs/libopenvino_c.*"),
}
"""The engines that load a library at run time."""

_SET_HERE: dict[str, str] = {}
"""Variables that this process set itself, with their values."""


def prepare(engine: str) -> None:
    """Make the installed library of an engine known to it; does nothing where there is none."""
    if engine == "tch":
        _load_libtorch()
        return
    library = LIBRARIES.get(engine)
    if library is None or os.environ.get(library.variable):
        return
    folder = package_folder(library.package)
    found = sorted(folder.glob(library.pattern)) if folder else []
    if found:
        os.environ[library.variable] = _SET_HERE[library.variable] = str(found[0])


def without_ours(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables for a process that is for one engine: without those that were set here.

    It sets its own again. With the others' it would load their libraries to look at them, and hold
    their memory.
    """
    ours = _SET_HERE.items()
    return {name: value for name, value in variables.items() if (name, value) not in ours}


def package_folder(package: str) -> Path | None:
    """The folder of an installed package, which is not imported; None where there is none."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _load_libtorch() -> None:
    """Load LibTorch alone, so that the module that is linked to it finds it loaded.

    The loader knows it by its name from then on, whoever asks: torch itself, too. The part for
    CUDA, which is large, is loaded by the runner where there is a driver for it.
    """
    folder = package_folder("torch")
    if folder is None or not (folder / _LIBTORCH).is_file():
        return
    # Where it does not load, importing the module that needs it says why.
    with suppress(OSError):
        ctypes.CDLL(str(folder / _LIBTORCH))
