"""`oxidizedvision package`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oxidizedvision.cli.budget import budget_views
from oxidizedvision.cli.flags import GoalFlag, JsonFlag
from oxidizedvision.cli.render import Facts, screen_of, size_text


def package(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A converted .onnx, or one prepared for tract; its config.yml or its manifest.",
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="The crate's folder.")] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Its engine; the error for a wrong one lists them. auto measures which is best."
        ),
    ] = None,
    goal: GoalFlag = None,
    name: Annotated[str | None, typer.Option(help="Name of the crate and its program.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Package a model that changed since it was converted.")
    ] = False,
    build: Annotated[bool, typer.Option("--build", help="Also build the program.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a standalone Rust crate around a model.

    Its `cargo test` compares the program's own outputs with PyTorch's.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.package import package as work

        result = work(
            model,
            output=output,
            engine=engine,
            name=name,
            force=force,
            build=build,
            goal=goal,
            notify=notify,
        )
    pairs = [
        ("crate", f"{result.path} ({len(result.files)} files, {size_text(result.bytes)})"),
        ("engine", f"{result.engine} ({result.reason})"),
    ]
    if result.executable is not None:
        pairs.append(("program", str(result.executable)))
    else:
        pairs.append(("next", f"cd {result.path} && cargo test --release && cargo build --release"))
    screen.show(result, Facts(pairs), *budget_views(result.budget))
    if result.budget is not None:
        raise typer.Exit(result.budget.exit_code)
