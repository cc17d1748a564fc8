"""`oxidizedvision backends`."""

from __future__ import annotations

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Table, screen_of


def backends(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Show which engines are ready, and why others are not."""
    del as_json
    screen = screen_of(ctx)
    with screen.working():
        from oxidizedvision.runners import backends as work

        found = work()
    rows = [
        (
            row.name,
            row.status.replace("_", " "),
            row.version,
            ", ".join(row.formats),
            ", ".join(row.devices),
            row.hint,
        )
        for row in found
    ]
    columns = ("runner", "status", "version", "reads", "devices", "to get it")
    screen.show({"backends": found}, Table(columns, rows))
