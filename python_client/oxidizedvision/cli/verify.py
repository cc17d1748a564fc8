"""`oxidizedvision verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Facts, Table, View, screen_of

if TYPE_CHECKING:
    from oxidizedvision.verify import VerifyReport

_MARKS = {"whole": "✓", "broken": "✗", "unchecked": "?"}


def verify(
    ctx: typer.Context,
    package: Annotated[
        Path,
        typer.Argument(metavar="PACKAGE", help="What `package` wrote: a folder, or one file."),
    ],
    origin: Annotated[
        Path | None,
        typer.Option(help="Folder of the model's manifest; the package's own if not given."),
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Also run a crate's own tests, which builds it.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check a package from its checkpoint to the answers of its program.

    Every file has the SHA-256 that was written when the package was made, the stages hang together,
    and the packaged program itself gives PyTorch's answers. Exit code 3 with the first broken link.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.verify import verify as work

        report = work(package, origin=origin, build=build, notify=notify)
    screen.show(report, *views(report))
    raise typer.Exit(report.exit_code)


def views(report: VerifyReport) -> list[View]:
    """The links in order, then what they come to."""
    rows = [(_MARKS[link.status], link.name, link.detail) for link in report.links]
    first = report.first_broken
    verdict = "whole" if first is None else f"BROKEN, first at {first.name}: {first.detail}"
    what = f"{report.kind} {report.name}, {report.engine}" if report.kind else report.name
    facts = [("package", what), ("sha256", report.sha256), ("verdict", verdict)]
    return [Table(("", "link", ""), rows, "the chain"), Facts(facts)]
