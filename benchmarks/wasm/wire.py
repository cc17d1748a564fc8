"""The bytes that go over the wire: every file of a part, in brotli as hosts send it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.wasm.engines import Part
from benchmarks.wheels import FetchError

_SCRIPT = Path(__file__).with_name("compress.mjs")
ON_THE_FLY, BEFOREHAND = 9, 11
"""What a host compresses with when it is asked for a file, and with time to spare."""


@dataclass(frozen=True)
class Wire:
    """A part, its files in brotli, and what they come to."""

    part: Part
    folder: Path
    row: dict[str, Any]


def compressed(parts: Sequence[Part], folder: Path, *, beforehand: bool) -> list[Wire]:
    """Compress every file into a folder that is new; what is served is of `ON_THE_FLY`.

    Args:
        parts: What is compressed.
        folder: Where to.
        beforehand: Whether to tell the bytes of the slowest compression too.

    Raises:
        FetchError: there is no Node, or it cannot compress.
    """
    qualities = (ON_THE_FLY, BEFOREHAND) if beforehand else (ON_THE_FLY,)
    words = []
    for part in parts:
        for quality in qualities:
            into = folder / str(quality) / part.name
            into.mkdir(parents=True)
            for file in part.files:
                words += [str(part.folder / file), str(into / file), str(quality)]
    node = shutil.which("node")
    if node is None:
        raise FetchError("Node compresses the modules, and is not here")
    command = [node, str(_SCRIPT), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FetchError(f"the modules cannot be compressed: {done.stderr.strip()}")
    return [
        Wire(part, folder / str(ON_THE_FLY) / part.name, _row(part, folder, qualities))
        for part in parts
    ]


def _row(part: Part, folder: Path, qualities: Sequence[int]) -> dict[str, Any]:
    sizes = {
        f"brotli_{quality}": _bytes(folder / str(quality) / part.name, part.files)
        for quality in qualities
    }
    raw = _bytes(part.folder, part.files)
    return {"module": part.name, "files": list(part.files), "raw": raw, **sizes, **part.build}


def _bytes(folder: Path, files: Sequence[str]) -> int:
    return sum((folder / file).stat().st_size for file in files)
