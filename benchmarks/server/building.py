"""Programs of the Rust workspace, built where they are needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class BuildError(Exception):
    """A program does not build."""


def built(package: str) -> Path:
    """Build the program of a package, which has the package's name.

    Raises:
        BuildError: with what to look at.
    """
    cargo = str(ROOT / "scripts" / "cargo.sh")
    done = subprocess.run(
        (cargo, "build", "--release", "-p", package), stdout=sys.stderr, check=False
    )
    if done.returncode != 0:
        raise BuildError(f"{package} does not build; cargo's reason is above")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "rust_runtime" / "target")
    return target / "release" / package
