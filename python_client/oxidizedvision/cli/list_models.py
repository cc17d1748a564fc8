"""`oxidizedvision list`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Table, View, screen_of, size_text

if TYPE_CHECKING:
    from oxidizedvision.registry import Entry


def list_(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Option(help="Only names that contain this.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the models that were converted on this machine."""
    del as_json
    from oxidizedvision.registry import list_models

    entries = list_models(name=name)
    rows = [
        (
            entry.id,
            entry.name,
            entry.created,
            ", ".join(f"{spec.name} {spec.dims_text()}" for spec in entry.inputs),
            size_text(entry.bytes),
            _status(entry, entries),
            str(entry.model),
        )
        for entry in entries
    ]
    columns = ("id", "name", "converted", "inputs", "size", "", "file")
    nothing = "No model is registered" + (f" whose name contains {name!r}." if name else ".")
    view: View = Table(columns, rows) if rows else nothing
    screen_of(ctx).show({"models": entries}, view)


def _status(entry: Entry, entries: Sequence[Entry]) -> str:
    """Whether the entry's files are gone, or a later model's; `entries` are newest first."""
    if not entry.model.is_file():
        return "missing"
    newest = next(other for other in entries if other.manifest == entry.manifest)
    return "" if newest is entry else "replaced"
