"""`oxidizedvision list`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, cast

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Table, screen_of, size_text

if TYPE_CHECKING:
    from oxidizedvision.registry import ListedEntry, ListFilter
    from oxidizedvision.registry.listing import Order


def list_(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Option(help="Only names that contain this, or that match it as a pattern (*, ?)."),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Only models with this tag, or pattern.")] = None,
    model_format: Annotated[
        str | None, typer.Option("--format", help="Only models in it: onnx, torchscript or pt2.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Only models that a crate was made of for this engine.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only those converted since: 2026-11-01, or 12h, 7d, 2w ago.")
    ] = None,
    sort: Annotated[
        str, typer.Option(help="date (newest first), name or size (largest first).")
    ] = "date",
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the models that were converted on this machine."""
    del as_json
    from oxidizedvision.registry import ListFilter, list_models

    where = ListFilter(name=name, tag=tag, format=model_format, engine=engine, since=since)
    entries = list_models(where=where, sort=cast("Order", sort), reverse=reverse)
    screen_of(ctx).show({"models": entries}, _table(entries) if entries else _nothing(where))


def _nothing(where: ListFilter) -> str:
    """What was asked for in vain."""
    asked = [
        f"whose {name} {'contains' if name == 'name' else 'is'} {value!r}"
        for name, value in dataclasses.asdict(where).items()
        if value is not None and name != "since"
    ]
    if where.since is not None:
        asked.append(f"since {where.since}")
    return " ".join(["No model is registered", " and ".join(asked)]).rstrip() + "."


def _table(entries: list[ListedEntry]) -> Table:
    rows = [
        (
            entry.id,
            entry.label,
            ", ".join(entry.tags),
            entry.created,
            ", ".join(f"{spec.name} {spec.dims_text()}" for spec in entry.inputs),
            size_text(entry.bytes),
            _status(entry),
            str(entry.model),
        )
        for entry in entries
    ]
    columns = ("id", "name", "tags", "converted", "inputs", "size", "", "file")
    bad = frozenset(index for index, entry in enumerate(entries) if entry.status != "present")
    return Table(columns, rows, bad=bad)


def _status(entry: ListedEntry) -> str:
    """Nothing where all is well; how many files are gone where not all of them are."""
    if entry.status == "present":
        return ""
    if entry.status == "replaced" or len(entry.missing) > len(entry.files):
        return entry.status
    return f"{len(entry.missing)} missing"
