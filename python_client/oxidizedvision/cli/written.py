"""Files that a flag names, noticed to be of no use before the work and not after it."""

from __future__ import annotations

import os
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import make_folder


def refuse_unwritable(files: dict[str, Path]) -> None:
    """Refuse files that cannot be written; folders above them are made.

    Args:
        files: By flag, without its dashes.

    Raises:
        OxidizedVisionError: `usage` for a folder, `file_system` where nothing can be written.
    """
    for flag, path in files.items():
        if path.is_dir():
            raise OxidizedVisionError(
                Kind.USAGE, f"--{flag} {path} is a folder", "Give the name of a file in it."
            )
        if not os.access(make_folder(path.parent), os.W_OK | os.X_OK):
            raise OxidizedVisionError(
                Kind.FILE_SYSTEM,
                f"--{flag} {path} cannot be written",
                "Check permissions, or choose another folder.",
            )
