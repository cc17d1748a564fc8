"""Pictures before and after the packaged program."""

from __future__ import annotations

import base64
import io
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import make_folder

_LARGEST_SIDE = 720
_DEADLINE_SECONDS = 600


def output_names(pictures: Sequence[Path]) -> list[str]:
    """A PNG's name for each picture: its own, with a number where an earlier one has it already."""
    names: list[str] = []
    for picture in pictures:
        name, number = f"{picture.stem}.png", 1
        while name in names:
            number += 1
            name = f"{picture.stem}-{number}.png"
        names.append(name)
    return names


def through_program(executable: Path, picture: Path, output: Path) -> dict[str, Any]:
    """Run a picture through a packaged program; gives the paths of input and output.

    Raises:
        OxidizedVisionError: `engine_failed` with the program's own message.
    """
    make_folder(output.parent)
    command = [str(executable), "--input", str(picture), "--output", str(output)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_DEADLINE_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise OxidizedVisionError(
            Kind.ENGINE_FAILED,
            f"{executable.name} did not finish {picture} within {_DEADLINE_SECONDS} s",
            "Try a smaller picture, or run without --picture.",
        ) from error
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
