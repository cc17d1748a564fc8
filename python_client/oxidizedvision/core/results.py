"""Results of the verbs as plain JSON values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Notify = Callable[[str], None]
"""Told, in a few words, what a verb is doing now."""


def silent(_: str) -> None:
    """The `Notify` that tells nobody."""


def to_plain(value: Any) -> Any:
    """Dataclasses, models, paths and tuples as what JSON can hold; NaN and infinity as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: to_plain(getattr(value, field.name)) for field in fields}
    if hasattr(value, "model_dump"):  # a pydantic model, without importing pydantic
        value = value.model_dump()
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
