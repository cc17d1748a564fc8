"""Functions of the user's that a config names: `file.py:function` or `package.module:function`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from oxidizedvision.config.optimization import FUNCTION_REFERENCE
from oxidizedvision.convert.imports import import_file, importable
from oxidizedvision.convert.user_code import user_code
from oxidizedvision.core.errors import Kind, OxidizedVisionError

FUNCTION_HINT = "A function is written as file.py:function."


def is_function(text: str) -> bool:
    """Whether a text of the config names a function and not a path."""
    return FUNCTION_REFERENCE.fullmatch(text) is not None


def find(reference: str, folder: Path) -> Any:
    """The function that a config names; its file is looked for beside the config.

    Raises:
        OxidizedVisionError: `not_found` or `config` when it is not there, `model` for what its
            module raises.
    """
    matched = FUNCTION_REFERENCE.fullmatch(reference)
    if matched is None:
        raise OxidizedVisionError(Kind.CONFIG, f"{reference} names no function", FUNCTION_HINT)
    where, name = matched["where"], matched["name"]
    path = folder / where if where.endswith(".py") else None
    if path is not None and not path.is_file():
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no {path}, where {name} should be", FUNCTION_HINT
        )
    with importable([path.parent if path else folder.resolve()], where):
        if path is not None:
            module = import_file(path)
        else:
            with user_code(f"Importing {where}", None):
                module = importlib.import_module(where)
    found = getattr(module, name, None)
    if not callable(found):
        raise OxidizedVisionError(
            Kind.CONFIG, f"{where} has no function {name}", "Check the name after the colon."
        )
    return found


def call(reference: str, folder: Path, *arguments: Any) -> Any:
    """What such a function gives.

    Raises:
        OxidizedVisionError: as `find`, and `model` for what the function raises, with its line.
    """
    path = folder / reference.partition(":")[0]
    found = find(reference, folder)
    with user_code(f"{reference}", path if path.suffix == ".py" else None):
        return found(*arguments)
