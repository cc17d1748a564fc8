"""Pydantic's findings in the words of the config file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from oxidizedvision.config.models import Config
from oxidizedvision.config.nearest import nearest
from oxidizedvision.config.pictures import (
    ClassificationPostprocess,
    DetectionPostprocess,
    ImagePostprocess,
    RawPostprocess,
    SegmentationPostprocess,
)
from oxidizedvision.config.source import KeyPath, Source

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "bool_type": "true or false",
    "list_type": "a list",
    "too_short": "a list that is not empty",
    "too_few": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "invalid_key": "a key that is text",
    "literal_error": "one of {expected}",
    "union_tag_invalid": "kind to be one of {expected_tags}",
    "union_tag_not_found": "a kind: {kinds}",
}

_POSTPROCESS: dict[str, type[BaseModel]] = {
    "image": ImagePostprocess,
    "classification": ClassificationPostprocess,
    "segmentation": SegmentationPostprocess,
    "detection": DetectionPostprocess,
    "raw": RawPostprocess,
}


_INSIDE = re.compile(r"([a-z_]\w*(?:\.\w+)*): (.+)", re.S)
"""What a check of several keys says about one of them begins with its name."""


def explain(problem: ErrorDetails, source: Source) -> tuple[int, str]:
    """The line and the text of one problem."""
    key = _key_path(problem["loc"], source.data)
    text = _text(problem, key)
    inside = _INSIDE.fullmatch(text) if problem["type"] == "value_error" else None
    if inside is not None:
        key, text = (*key, *inside.group(1).split(".")), inside.group(2)
    name = key_text(key)
    return source.line(key), f"{name}: {text}" if name else text


def key_text(key: KeyPath) -> str:
    """A key path as it is read aloud: `runners[0].name`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in key]
    return "".join(parts).removeprefix(".")


def _text(problem: ErrorDetails, key: KeyPath) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        return f"unknown key{nearest(str(key[-1]), known)}"
    if kind == "missing":
        return "missing; this key is required"
    got = _got(problem["input"])
    if kind == "value_error":
        reason = str(context["error"])
        told = problem["input"]
        complete = reason.startswith(("missing", "unknown")) or isinstance(told, dict) or not key
        return reason if complete else f"{reason}, got {got}"
    if kind == "too_short" and context["min_length"] > 1:
        kind = "too_few"
    expected = _EXPECTED.get(kind)
    if expected is None:
        return f"{problem['msg']}, got {got}"
    if isinstance(problem["input"], dict) and kind == "union_tag_invalid":
        got = _got(problem["input"].get("kind"))
    or_null = " or null" if kind == "literal_error" and _may_be_null(problem["loc"]) else ""
    kinds = ", ".join(map(repr, _POSTPROCESS))
    return f"expected {expected.format(**context, kinds=kinds)}{or_null}, got {got}"


def _key_path(location: tuple[int | str, ...], data: Any) -> KeyPath:
    """The location without the parts that only pydantic knows (union tags, `[key]`)."""
    path: list[str | int] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        inside = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int)
        )
        if inside:
            path.append(part)
            data = data[part]
        elif last and part != "[key]" and isinstance(data, dict):
            path.append(part)
    return tuple(path)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model = _model_at(location)
    return list(model.model_fields) if model is not None else []


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model at a location, found by walking the models' annotations."""
    model: type[BaseModel] | None = Config
    for part in location:
        if isinstance(part, int):
            continue
        if part in _POSTPROCESS:
            model = _POSTPROCESS[str(part)]
        elif model is not None and part in model.model_fields:  # else a key of a mapping
            model = _model_in(model.model_fields[str(part)].annotation)
    return model


def _may_be_null(location: tuple[int | str, ...]) -> bool:
    model = _model_at(location[:-1])
    field = model.model_fields.get(str(location[-1])) if model is not None else None
    return field is not None and type(None) in getattr(field.annotation, "__args__", ())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model`, `Model | None`, `list[Model]` or a mapping of such."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _got(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, dict):
        return "keys and values" if value else "an empty mapping"
    if isinstance(value, list):
        return _short(str(value)) if value else "an empty list"
    if isinstance(value, str):
        return f"the text {_short(value)!r}"
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
