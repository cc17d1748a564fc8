"""`oxidizedvision optimize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Facts, Table, View, number_text, screen_of, size_text

if TYPE_CHECKING:
    from oxidizedvision.optimize import OptimizeResult


def optimize(
    ctx: typer.Context,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The .onnx file.")],
    output: Annotated[
        Path | None, typer.Option(help="The new file; NAME.optimized.onnx where not given.")
    ] = None,
    simplify: Annotated[bool, typer.Option(help="Remove and fuse nodes.")] = True,
    constant_folding: Annotated[bool, typer.Option(help="Compute constant parts once.")] = True,
    quantize: Annotated[
        str | None, typer.Option(help="int8 or fp16; refused by this version.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Simplify an ONNX graph and fold its constants.

    The new graph is kept only where it gives the same outputs.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.optimize import optimize as work

        result = work(
            model,
            output=output,
            simplify=simplify,
            constant_folding=constant_folding,
            quantize=quantize,
            notify=notify,
        )
    screen.show(result, *result_views(result))


def result_views(result: OptimizeResult) -> list[View]:
    """What became of the graph."""
    before, after = result.operators_before, result.operators_after
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    rows = [(name, str(before.get(name, 0)), str(after.get(name, 0))) for name in changed]
    views: list[View] = [
        Facts(
            [
                ("output", str(result.output)),
                ("kept", "yes" if result.kept else f"no, the original stays: {result.reason}"),
                ("nodes", f"{result.nodes_before} before, {result.nodes_after} after"),
                ("size", f"{size_text(result.bytes_before)}, {size_text(result.bytes_after)}"),
                ("largest error", number_text(result.max_error)),
                ("seconds", f"{result.seconds:.1f}"),
            ]
        )
    ]
    if rows:
        views.append(Table(("operator", "before", "after"), rows, numbers_from=1))
    return views
