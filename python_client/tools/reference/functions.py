"""The public Python names, from their signatures and docstrings."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import oxidizedvision

_SECTION = re.compile(r"^(Args|Raises|Returns|Yields):\s*$")
_TITLES = {"Args": "Arguments", "Raises": "Raises", "Returns": "Returns", "Yields": "Yields"}
_WIDTH = 96
_ELSEWHERE = {
    "oxidizedvision.config.init": ("init_config", "InitResult"),
    "oxidizedvision.config.check": ("check_config", "CheckResult"),
    "oxidizedvision.config.loader": ("config_schema",),
    "oxidizedvision.registry": ("describe", "ModelDetails", "LineageItem"),
    "oxidizedvision.pipeline": ("PipelineOptions", "StageOutcome"),
    "oxidizedvision.validate": ("IntegrityResult", "Unavailable"),
    "oxidizedvision.benchmark": ("BenchmarkFailure",),
    "oxidizedvision.benchmark.engine_profile": (
        *("ProfiledEngine", "ProfiledNode", "SideRow", "UntoldEngine", "write_csv"),
    ),
    "oxidizedvision.budget": ("check", "BudgetReport", "BudgetFigure", "Lever"),
    "oxidizedvision.diff": ("against", "read_side", "SideSummary"),
    "oxidizedvision.predict": ("PredictFailure", "SkippedInput", "Step"),
    "oxidizedvision.profile": ("EngineStep", "LayerRow", "TimeReport"),
    "oxidizedvision.report.engine_profile": ("write_html",),
    "oxidizedvision.report.profile": ("write_profile",),
    "oxidizedvision.runners": ("BackendRow", "Availability", "load_runner"),
    "oxidizedvision.serve": ("plan_server", "run_server", "ServerPlan"),
}
"""What the public functions take or give, or the command line uses, beside the package's names."""
_ENTRY = re.compile(r"(\w+): (.*)")


def text() -> str:
    """Functions first, then the types that they take and give."""
    public = {n: getattr(oxidizedvision, n) for n in oxidizedvision.__all__ if n[0] != "_"}
    functions = [_entry(n, v, "###") for n, v in public.items() if inspect.isfunction(v)]
    types = [_class(name, value) for name, value in public.items() if inspect.isclass(value)]
    more = [part for module, names in _ELSEWHERE.items() for part in _module(module, names)]
    return "\n\n".join(["## Functions", *functions, "## Types", *types, *more])


def _module(module: str, names: tuple[str, ...]) -> Iterator[str]:
    yield f"## In `{module}`"
    for name in names:
        value = getattr(importlib.import_module(module), name)
        yield _class(name, value) if inspect.isclass(value) else _entry(name, value, "###")


def _entry(name: str, value: Any, level: str) -> str:
    code = f"```python\n{_signature(name, value)}\n```"
    return "\n\n".join([f"{level} `{name}`", code, *_prose(value)])


def _signature(name: str, value: Any) -> str:
    """The signature as it is written; one parameter a line where it would be too long."""
    signature = inspect.signature(value)
    parts: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        if parameter.name != "self":
            parts.append(_parameter(parameter))
    given = signature.return_annotation
    returns = "" if given in (None, "None", signature.empty) else f" -> {given}"
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) <= _WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"


def _parameter(parameter: inspect.Parameter) -> str:
    text = f"{parameter.name}: {parameter.annotation}"
    if parameter.default is parameter.empty:
        return text
    return f"{text} = {_value(parameter.default)}"


def _value(default: Any) -> str:
    if inspect.isfunction(default):
        return str(default.__name__)
    if repr(default).startswith("<"):  # a default that is made anew at each call
        return "..."
    return json.dumps(default) if isinstance(default, str) else repr(default)


def _class(name: str, value: type) -> str:
    if issubclass(value, enum.Enum):
        items = "\n".join(f"- `{item.name}` = `{item.value!r}`" for item in value)
        parts = [f"### `{name}`", *_prose(value), items]
    elif dataclasses.is_dataclass(value) or "__init__" in vars(value):
        parts = [_entry(name, value, "###")]
    else:
        parts = [f"### `{name}`", *_prose(value)]
    return "\n\n".join([*parts, *_members(value)])


def _members(value: type) -> Iterator[str]:
    """Methods and properties that the class itself documents."""
    for name, member in vars(value).items():
        full = f"{value.__name__}.{name}"
        if name.startswith("_") or not inspect.getdoc(member):
            continue
        if inspect.isfunction(member) and member.__module__.startswith(oxidizedvision.__name__):
            yield _entry(full, member, "####")
        elif isinstance(member, property) and member.fget:
            kind = inspect.signature(member.fget).return_annotation
            yield f"#### `{full}`\n\n`{kind}`. {inspect.getdoc(member)}"


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
