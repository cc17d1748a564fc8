"""`oxidizedvision backends`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Table, View, number_text, screen_of
from oxidizedvision.core.errors import ExitCode
from oxidizedvision.core.tensors import DTYPES

if TYPE_CHECKING:
    from oxidizedvision.runners import BackendRow
    from oxidizedvision.trial import TrialReport


def backends(
    ctx: typer.Context,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Load and run this model in every engine that reads it: an .onnx, a .pt, a "
            "config.yml, a manifest or an executable.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show which engines are ready, and why others are not.

    With --model it ends with 3 when the model works in no engine.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.runners import backends as work

        found = work()
        report: TrialReport | None = None
        if model is not None:
            from oxidizedvision.trial import try_backends

            report = try_backends(model, notify=notify)
    if report is None:
        screen.show({"backends": found}, _engines(found))
        raise typer.Exit(ExitCode.DONE)
    screen.show({"backends": found, "model": report}, *trial_views(report))
    raise typer.Exit(report.exit_code)


def _engines(found: list[BackendRow]) -> Table:
    rows = [
        (
            row.name,
            row.status.replace("_", " "),
            row.version,
            ", ".join(row.formats),
            ", ".join(row.devices),
            "all" if set(row.dtypes) == set(DTYPES) else ", ".join(row.dtypes),
            row.hint,
        )
        for row in found
    ]
    return Table(("runner", "status", "version", "reads", "devices", "types", "to get it"), rows)


def trial_views(report: TrialReport) -> list[View]:
    """What the model does in every engine, then why it does not work in some."""
    rows = [
        (
            row.name,
            row.precision,
            row.status.replace("_", " "),
            row.version,
            number_text(row.load_ms, ".1f"),
            number_text(row.first_ms, ".1f"),
            str(row.cases),
            number_text(row.max_error),
        )
        for row in report.rows
    ]
    columns = (
        "runner",
        "precision",
        "status",
        "version",
        "load ms",
        "first run ms",
        "goldens",
        "max error",
    )
    wrong = {"differs", "load_error", "run_error", "no_answer"}
    bad = frozenset(index for index, row in enumerate(report.rows) if row.status in wrong)
    views: list[View] = [Table(columns, rows, report.name, bad, numbers_from=4)]
    views += [f"{row.name}: {row.reason}. {row.hint}".rstrip() for row in report.rows if row.reason]
    return views
