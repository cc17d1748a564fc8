"""Pictures before and after the packaged program."""

from __future__ import annotations

import base64
import io
import subprocess
from pathlib import Path
from typing import Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import make_folder

_LARGEST_SIDE = 720
_DEADLINE_SECONDS = 600


def through_program(executable: Path, picture: Path, folder: Path) -> dict[str, Any]:
    """Run a picture through a packaged program; gives the paths of input and output.

    Raises:
        OxidizedVisionError: `engine_failed` with the program's own message.
    """
    output = make_folder(folder) / f"{picture.stem}.png"
    command = [str(executable), "--input", str(picture), "--output", str(output)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_DEADLINE_SECONDS
    )
    if done.returncode != 0:
        raise OxidizedVisionError(
            Kind.ENGINE_FAILED,
            f"{executable.name} could not process {picture}: {done.stderr.strip()}",
            "Try the picture with the program itself; its --help lists the options.",
        )
    return {"name": picture.name, "input": str(picture), "output": str(output)}


def as_data_uri(path: Path) -> str:
    """A picture as a `data:` address, made smaller where it is large."""
    from PIL import Image

    with Image.open(path) as picture:
        shown = picture.convert("RGB")
    shown.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    buffer = io.BytesIO()
    shown.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
