"""Every verb of the command line, from the Typer application itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from oxidizedvision.cli import app

PROGRAM = "oxidizedvision"
_LEFT_OUT = {"help", "install_completion", "show_completion"}


def text() -> str:
    """All verbs, in the order of `--help`."""
    return "\n\n".join(_command(typer.main.get_command(app), PROGRAM))


def _command(command: Any, path: str) -> Iterator[str]:
    group = bool(getattr(command, "commands", None))
    parts = [f"## `{path}`" if path != PROGRAM else "## Options of the program itself"]
    parts.append(_usage(command, path, group))
    about = inspect.cleandoc(command.help or "")
    parts += [about] if about else []
    rows = [_row(parameter) for parameter in command.params if parameter.name not in _LEFT_OUT]
    if rows:
        parts.append("| argument or option | default | meaning |\n| --- | --- | --- |")
        parts[-1] += "\n" + "\n".join(rows)
    yield "\n\n".join(parts)
    for name, inner in command.commands.items() if group else ():
        if not inner.hidden:
            yield from _command(inner, f"{path} {name}")


def _usage(command: Any, path: str, group: bool) -> str:
    arguments = [_argument(p) for p in command.params if p.param_type_name == "argument"]
    words = [path, "[OPTIONS]", *arguments, *(["COMMAND"] if group else [])]
    return f"```\n{' '.join(words)}\n```"


def _argument(parameter: Any) -> str:
    name = _metavar(parameter)
    shown = f"{name}..." if parameter.nargs == -1 else name
    return shown if parameter.required else f"[{shown}]"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).strip("[]")


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{_argument(parameter)}`"
    else:
        names = ", ".join(f"`{name}`" for name in parameter.opts)
        names += "".join(f" / `{name}`" for name in parameter.secondary_opts)
        names += "" if parameter.is_flag else f" {_value(parameter)}"
    return f"| {names} | {_default(parameter)} | {_cell(parameter.help or '')} |"


def _value(parameter: Any) -> str:
    choices = getattr(parameter.type, "choices", None)
    if choices:
        return "`" + "\\|".join(str(getattr(choice, "value", choice)) for choice in choices) + "`"
    return f"`{parameter.metavar or parameter.type.name.upper()}`"


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if value is None or callable(value) or value in ((), [], False):
        return ""
    if value is True:
        return "on"
    shown = getattr(value, "value", value)
    return f"`{shown}`"


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")
