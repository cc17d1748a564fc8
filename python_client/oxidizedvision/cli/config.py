"""`oxidizedvision config`: init, check, schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from oxidizedvision.cli.flags import ConfigArgument, JsonFlag
from oxidizedvision.cli.render import Facts, screen_of, show_help_without_verb
from oxidizedvision.core.errors import Kind, OxidizedVisionError

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _group(ctx: typer.Context) -> None:
    """Write, check and describe a config.yml."""
    show_help_without_verb(ctx)


@app.command()
def init(
    ctx: typer.Context,
    model: Annotated[Path, typer.Argument(metavar="MODEL.py", help="The network's Python file.")],
    class_name: Annotated[
        str | None, typer.Option("--class", help="Its class; not needed where there is only one.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The config to write.")] = Path("config.yml"),
    input_shape: Annotated[
        str | None, typer.Option(metavar="N,C,H,W", help="Shape of the input.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="File with the weights.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing config.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a commented config for a network."""
    del as_json
    from oxidizedvision.config.init import init_config

    result = init_config(
        model,
        class_name=class_name,
        output=output,
        input_shape=_shape(input_shape) if input_shape else None,
        checkpoint=checkpoint,
        force=force,
    )
    screen = screen_of(ctx)
    if not result.shape_given:
        screen.note(f"note: input_shape is a guess, {list(result.input_shape)}; correct it there")
    screen.show(
        result,
        Facts(
            [
                ("config", str(result.config)),
                ("class", result.class_name),
                ("next", f"oxidizedvision convert {result.config}"),
            ]
        ),
    )


@app.command()
def check(ctx: typer.Context, config: ConfigArgument, as_json: JsonFlag = False) -> None:
    """Check every key, and that the files and the class are there."""
    del as_json
    from oxidizedvision.config.check import check_config

    result = check_config(config)
    pairs = [
        ("config", f"{result.config} is fine"),
        ("model", f"{result.class_name} in {result.model or 'a module that is not Python'}"),
        ("checkpoint", str(result.checkpoint or "none: the initial weights")),
        ("inputs", ", ".join(f"{name} {list(shape)}" for name, shape in result.inputs.items())),
    ]
    screen_of(ctx).show(result, Facts(pairs))


@app.command()
def schema(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Print the JSON schema of a config."""
    del as_json
    from oxidizedvision.config.loader import config_schema

    document = config_schema()
    screen_of(ctx).show({"schema": document}, json.dumps(document, indent=2))


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace("x", ",").strip("[]").split(","))
    except ValueError as error:
        raise OxidizedVisionError(
            Kind.USAGE, f"--input-shape {text!r} is no shape", "Write it as 1,3,256,256."
        ) from error
