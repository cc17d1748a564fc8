"""Node, which runs the browser's modules outside a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache

LEAST = 20
INSTALL_HINT = f"Install Node {LEAST} or newer (https://nodejs.org) and put `node` on PATH."
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Node:
    """A `node` on PATH. fault: why it cannot be used; empty where it can."""

    path: str
    version: str
    fault: str = ""


def find_node() -> Node | None:
    """The `node` on PATH, usable or not; None where there is none."""
    path = shutil.which("node")
    return _asked(path) if path else None


@lru_cache(maxsize=8)
def _asked(path: str) -> Node:
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Node(path, "", f"{path} does not start: {error}")
    match = re.fullmatch(r"v(\d+)\.\S+", done.stdout.strip())
    if done.returncode != 0 or match is None:
        return Node(path, "", f"{path} does not tell its version")
    version = done.stdout.strip().removeprefix("v")
    old = int(match[1]) < LEAST
    return Node(path, version, f"{path} is Node {version}, which is too old" if old else "")
