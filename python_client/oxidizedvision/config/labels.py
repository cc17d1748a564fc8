"""The names of a model's classes: a list in the config, or a text file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo

MAX_BYTES = 1 << 20
FOLDERS = "folders"
"""Key of the validation context: where files are looked for, in this order."""


def _read(value: object, info: ValidationInfo) -> object:
    """A file's lines in place of its name; everything else as it is."""
    if not isinstance(value, str):
        return value
    folders: Sequence[Path] = (info.context or {}).get(FOLDERS, ())
    if not folders:
        raise ValueError("expected a list of names; only a config file may name a file")
    path = next((found for folder in folders if (found := folder / value).is_file()), None)
    if path is None:
        raise ValueError("there is no such file beside the config or in the current folder")
    return _lines(path)


def _lines(path: Path) -> list[str]:
    """The lines of a text file without the space around them, and without those that end it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the file cannot be read as UTF-8 text: {error}") from error
    if len(content) > MAX_BYTES:
        raise ValueError(f"the file is larger than {MAX_BYTES} bytes, so it holds no names")
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if not all(lines):
        number = lines.index("") + 1
        raise ValueError(f"line {number} of the file is empty; expected one name a line")
    return lines


Labels = Annotated[
    Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)] | None,
    BeforeValidator(_read, json_schema_input_type=str | list[str] | None),
]
"""One name for each class, in the order of the class ids."""
