"""The public Python names, from their signatures and docstrings."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from collections.abc import Iterator
from typing import Any

import oxidizedvision

_SECTION = re.compile(r"^(Args|Raises|Returns|Yields):\s*$")
_TITLES = {"Args": "Arguments", "Raises": "Raises", "Returns": "Returns", "Yields": "Yields"}
_ENTRY = re.compile(r"(\w+): (.*)")


def text() -> str:
    """Functions first, then the types that they take and give."""
    public = {n: getattr(oxidizedvision, n) for n in oxidizedvision.__all__ if n[0] != "_"}
    functions = [_function(n, v, "##") for n, v in public.items() if inspect.isfunction(v)]
    types = [_class(name, value) for name, value in public.items() if inspect.isclass(value)]
    return "\n\n".join([*functions, "# Types", *types])


def _function(name: str, function: Any, level: str) -> str:
    return "\n\n".join(
        [f"{level} `{name}`", f"```python\n{_signature(name, function)}\n```", *_prose(function)]
    )


def _signature(name: str, function: Any) -> str:
    """The signature as it is written; one parameter a line where it would be too long."""
    signature = inspect.signature(function)
    parts, marked = [], False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not marked:
            parts.append("*")
            marked = True
        parts.append(_parameter(parameter))
    returns = f" -> {signature.return_annotation}"
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) <= 96:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return f"{parameter.name}: {parameter.annotation}"
    default = parameter.default
    shown = default.__name__ if inspect.isfunction(default) else repr(default)
    return f"{parameter.name}: {parameter.annotation} = {shown}"


def _class(name: str, value: type) -> str:
    parts = [f"## `{name}`", *_prose(value)]
    if issubclass(value, enum.Enum):
        parts.append("\n".join(f"- `{item.name}` = `{item.value!r}`" for item in value))
    elif dataclasses.is_dataclass(value):
        parts.append("\n".join(_field(field) for field in dataclasses.fields(value)))
    parts.extend(_members(value))
    return "\n\n".join(parts)


def _field(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"- `{field.name}: {field.type} = {field.default!r}`"
    return f"- `{field.name}: {field.type}`"


def _members(value: type) -> Iterator[str]:
    """Methods and properties that the class itself documents."""
    for name, member in vars(value).items():
        about = inspect.getdoc(member) if not isinstance(member, str | int) else None
        if name.startswith("_") or not about:
            continue
        if inspect.isfunction(member):
            yield _function(f"{value.__name__}.{name}", member, "###")
        elif isinstance(member, property):
            kind = inspect.signature(member.fget).return_annotation if member.fget else "Any"
            yield f"### `{value.__name__}.{name}`\n\n`{kind}`. {about}"


def _prose(value: Any) -> list[str]:
    """The docstring, its sections as lists."""
    blocks: list[str] = []
    title, lines = "", []
    for line in [*(inspect.getdoc(value) or "").splitlines(), "End:"]:
        section = _SECTION.match(line)
        if section is None and line != "End:":
            lines.append(line)
            continue
        blocks += _block(title, lines)
        title, lines = _TITLES[section[1]] if section else "", []
    return blocks


def _block(title: str, lines: list[str]) -> list[str]:
    words = "\n".join(lines).strip("\n")
    if not title:
        return [words] if words else []
    entries: list[str] = []
    for line in inspect.cleandoc("\n" + words).splitlines():
        entry = _ENTRY.match(line)
        if entry and not line.startswith(" "):
            entries.append(f"- `{entry[1]}`: {entry[2]}")
        elif entries:
            entries[-1] += f"\n  {line.strip()}"
        else:
            entries.append(line)
    return [f"{title}:", "\n".join(entries)]
