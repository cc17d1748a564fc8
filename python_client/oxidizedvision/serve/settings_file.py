"""The little that Python must know of a `server.yml`; the server reads and checks all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from oxidizedvision.core.files import file_errors


def runners_of(file: Path, *, with_models: bool) -> tuple[str, ...]:
    """The engines that a file names.

    Args:
        file: The `server.yml`.
        with_models: Whether its models take part; those that are given beside it take their place.

    Raises:
        OxidizedVisionError: `file_system` when it cannot be read. What is wrong inside it, the
            server tells.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    with file_errors(file):
        text = file.read_bytes()
    try:
        document = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError):
        return ()
    return tuple(dict.fromkeys(_named(document, with_models=with_models)))


def _named(document: Any, *, with_models: bool) -> Iterator[str]:
    top = document if isinstance(document, dict) else {}
    models = top.get("models") if with_models else None
    entries = models if isinstance(models, list) else []
    for part in (top, top.get("folder"), *entries):
        runner = part.get("runner") if isinstance(part, dict) else None
        if isinstance(runner, str):
            yield runner
