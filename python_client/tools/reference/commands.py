"""Every verb of the command line, from the Typer application itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from oxidizedvision.cli.app import PROGRAM, app

_OF_TYPER = {"install_completion", "show_completion"}


def text() -> str:
    """All verbs, in the order of `--help`."""
    root = typer.main.get_command(app)
    own = ["## Options of the program", _rows(root)]
    return "\n\n".join([*own, *_commands(root, PROGRAM)])


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        full = f"{path} {name}"
        if getattr(command, "commands", None):
            yield from _commands(command, full)
        else:
            about = inspect.cleandoc(command.help or "")
            yield "\n\n".join([f"## `{full}`", _usage(command, full), about, _rows(command)])


def _usage(command: Any, path: str) -> str:
    usage = str(command.get_usage(typer.Context(command, info_name=path)))
    return f"```\n{usage.removeprefix('Usage: ')}\n```"


def _rows(command: Any) -> str:
    context = typer.Context(command)
    records = [p.get_help_record(context) for p in command.params if p.name not in _OF_TYPER]
    rows = [f"| `{_cell(name)}` | {_cell(about)} |" for name, about in filter(None, records)]
    return "\n".join(["| argument or option | meaning |", "| --- | --- |", *rows])


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")
