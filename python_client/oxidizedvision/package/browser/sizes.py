"""How much of a page travels to a visitor."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from oxidizedvision.core.crates import MARK, crate_files
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.package.browser.folder import GOLDENS, MODEL, MODULES
from oxidizedvision.package.kind import PartSize
from oxidizedvision.runners.wasm import node_command

_COMPRESSOR = "node_sizes.mjs"
_NOT_LOADED = {MARK, "README.md", GOLDENS}


def part_sizes(folder: Path) -> tuple[PartSize, ...]:
    """The page, each module and the model; what no visitor needs is left out."""
    parts: dict[str, list[Path]] = {}
    for path in crate_files(folder):
        relative = path.relative_to(folder).as_posix()
        if relative not in _NOT_LOADED:
            parts.setdefault(_part(relative), []).append(path)
    compressed = _compressed([path for paths in parts.values() for path in paths])
    return tuple(
        PartSize(
            part,
            sum(path.stat().st_size for path in paths),
            sum(compressed[path] for path in paths),
        )
        for part, paths in parts.items()
    )


def _part(relative: str) -> str:
    if relative == MODEL:
        return "model"
    folder, _, rest = relative.partition("/")
    return f"module {rest.partition('/')[0]}" if folder == MODULES else "page"


def _compressed(files: list[Path]) -> dict[Path, int]:
    """Bytes of each file with Brotli at 9; Node has it, and Python has not."""
    done = subprocess.run(
        [*node_command(_COMPRESSOR)],
        input=json.dumps([str(path) for path in files]),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise OxidizedVisionError(
            Kind.INTERNAL,
            f"Node did not compress the page's files: {done.stderr.strip()[-300:]}",
            "Please report it with what --verbose shows.",
        )
    return dict(zip(files, json.loads(done.stdout), strict=True))
