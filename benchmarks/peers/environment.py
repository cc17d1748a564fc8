"""A Python environment for each peer, from its lock: they want other releases of one package."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = Path(__file__).with_name("requirements")
FOLDER = ROOT / ".tools" / "peers"
_STAMP = ".lock-sha256"


class InstallError(Exception):
    """An environment cannot be made."""


def lock_of(name: str) -> Path:
    """The hashed requirements of a peer."""
    return LOCKS / f"{name}.txt"


def is_ready(name: str) -> bool:
    """Whether the environment of a peer is there, made from the lock as it is now."""
    stamp = FOLDER / name / _STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii") == _sha256(name)


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, which is made anew where its lock has changed.

    Raises:
        InstallError: with what the installer said.
    """
    folder = FOLDER / name
    if not is_ready(name):
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        for step in _steps(folder, lock_of(name)):
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise InstallError(f"{name} cannot be installed: {done.stderr.strip()}")
        (folder / _STAMP).write_text(_sha256(name), encoding="ascii")
    return folder / "bin" / "python"


def _steps(folder: Path, lock: Path) -> list[list[str]]:
    python = str(folder / "bin" / "python")
    options = ["--require-hashes", "--requirement", str(lock)]
    own = ROOT / ".tools" / "bin" / "uv"
    uv = shutil.which("uv") or (str(own) if own.is_file() else None)
    if uv is None:
        venv = [sys.executable, "-m", "venv", str(folder)]
        return [venv, [python, "-m", "pip", "install", *options]]
    return [
        [uv, "venv", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--compile-bytecode", "--python", python, *options],
    ]


def _sha256(name: str) -> str:
    return hashlib.sha256(lock_of(name).read_bytes()).hexdigest()
