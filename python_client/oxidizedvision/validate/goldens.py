"""The recorded inputs and PyTorch outputs that travel with a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.validate.cases import Case

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_SIDES = ("input", "output")


def load_goldens(path: Path) -> list[Case]:
    """The cases of a golden file, in the order of their names.

    Raises:
        OxidizedVisionError: `not_found`, or `corrupt` for a file that holds something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with file_errors(path):
        content = path.read_bytes()
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise _corrupt(path, str(error)) from error
    cases: dict[str, dict[str, dict[str, Array]]] = {}
    for name, array in sorted(tensors.items()):
        case, side, tensor = _parts(path, name)
        cases.setdefault(case, {key: {} for key in _SIDES})[side][tensor] = array
    for case, sides in cases.items():
        if not all(sides.values()):
            raise _corrupt(path, f"the case {case} lacks inputs or outputs")
    if not cases:
        raise _corrupt(path, "it holds no case")
    return [
        Case(f"golden/{case}", sides["input"], sides["output"]) for case, sides in cases.items()
    ]


def _parts(path: Path, name: str) -> tuple[str, str, str]:
    parts = name.split("/", 2)
    if len(parts) != 3 or parts[1] not in _SIDES:
        raise _corrupt(path, f"{name!r} is neither case/input/name nor case/output/name")
    return parts[0], parts[1], parts[2]


def _corrupt(path: Path, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.CORRUPT,
        f"{path} is not a golden file: {reason}",
        "Run `oxidizedvision convert` again; it writes a new one.",
    )
