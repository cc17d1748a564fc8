"""Pydantic's findings in the words of the config file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from oxidizedvision.config.models import Config, ImagePostprocess, RawPostprocess
from oxidizedvision.config.nearest import nearest
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
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "invalid_key": "a key that is text",
    "literal_error": "one of {expected}",
    "union_tag_invalid": "kind to be one of {expected_tags}",
    "union_tag_not_found": "a kind: 'image' or 'raw'",
}

_POSTPROCESS: dict[str, type[BaseModel]] = {"image": ImagePostprocess, "raw": RawPostprocess}


def explain(problem: ErrorDetails, source: Source) -> tuple[int, str]:
    """The line and the text of one problem."""
    key = _key_path(problem["loc"], source.data)
    text = _text(problem, key)
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
        complete = reason.startswith(("missing", "unknown")) or not key
        return reason if complete else f"{reason}, got {got}"
    expected = _EXPECTED.get(kind)
    if expected is None:
        return f"{problem['msg']}, got {got}"
    if isinstance(problem["input"], dict) and kind == "union_tag_invalid":
        got = _got(problem["input"].get("kind"))
    or_null = " or null" if kind == "literal_error" and _may_be_null(problem["loc"]) else ""
    return f"expected {expected.format(**context)}{or_null}, got {got}"


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
        elif model is not None:
            model = _model_in(model.model_fields[str(part)].annotation)
    return model


def _may_be_null(location: tuple[int | str, ...]) -> bool:
    model = _model_at(location[:-1])
    field = model.model_fields.get(str(location[-1])) if model is not None else None
    return field is not None and type(None) in getattr(field.annotation, "__args__", ())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model`, `Model | None` or `list[Model]`."""
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
