"""`oxidizedvision prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag, OptionFlag, ShapeFlag, options_of, shapes_of
from oxidizedvision.cli.render import Facts, View, screen_of, size_text

if TYPE_CHECKING:
    from oxidizedvision.prepare import PrepareResult


def prepare(
    ctx: typer.Context,
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A converted .onnx, its config.yml or its manifest."),
    ],
    runner: Annotated[
        str, typer.Option(metavar="NAME", help="The engine; docs/engines.md lists them.")
    ],
    output: Annotated[
        Path | None, typer.Option(help="The new file; beside the model where not given.")
    ] = None,
    shape: ShapeFlag = None,
    option: OptionFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a model as one engine loads it soonest, proved on its goldens.

    Where the file gives other answers than PyTorch it is not kept.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.prepare import prepare as work

        result = work(
            model,
            runner=runner,
            output=output,
            input_shapes=shapes_of(shape or []),
            options=options_of(option or []),
            notify=notify,
        )
    screen.show(result, *result_views(result))


def result_views(result: PrepareResult) -> list[View]:
    """The file, what it was proved on, and whether the manifest lists it."""
    proved = f"{result.cases} goldens" if result.cases else "one answer of the engine's own"
    pairs = [
        ("output", str(result.output)),
        ("size", f"{size_text(result.bytes_before)}, {size_text(result.bytes_after)}"),
        ("proved on", proved),
        ("recorded", "yes" if result.recorded else "no: no manifest beside it lists the model"),
        ("seconds", f"{result.seconds:.1f}"),
    ]
    return [Facts(pairs)]
