"""Wheels of other projects that carry trained networks, fetched by their hash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

_TOOLS = Path(__file__).parents[1] / ".tools/bin"
"""Where `make setup` puts uv if the machine has none."""


class FetchError(Exception):
    """A wheel cannot be had."""


def installed(wheel: str, sha256: str, target: Path) -> Path:
    """Unpack a wheel, without what it depends on, into a folder that is new.

    Raises:
        FetchError: with what the installer said.
    """
    target.mkdir(parents=True)
    listed = target / "requirements.txt"
    listed.write_text(f"{wheel} --hash=sha256:{sha256}\n", encoding="utf-8")
    return _run(
        ["--no-deps", "--require-hashes", "--target", str(target), "-r", str(listed)], wheel, target
    )


def with_dependencies(package: str, target: Path, *others: str) -> Path:
    """Install a package, others with it, and what they need into a folder of their own.

    Raises:
        FetchError: with what the installer said.
    """
    target.mkdir(parents=True)
    return _run(["--target", str(target), package, *others], package, target)


def _run(options: list[str], name: str, target: Path) -> Path:
    uv = shutil.which("uv") or shutil.which("uv", path=_TOOLS)
    if uv is not None:
        installer = [uv, "pip", "install", "--python", sys.executable]
    else:
        installer = [sys.executable, "-m", "pip", "install"]
    done = subprocess.run([*installer, *options], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FetchError(f"{name} cannot be fetched: {done.stderr.strip()}")
    return target
