"""`oxidizedvision profile`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Facts, Table, number_text, screen_of, size_text


def profile(
    ctx: typer.Context,
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A config.yml (PyTorch) or an .onnx file.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Count parameters, MACs and bytes, layer by layer."""
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.profile import profile as work

        report = work(target, notify=notify)
    rows = [
        (
            layer.path,
            layer.type,
            str(list(layer.output_shape)),
            f"{layer.parameters:,}",
            number_text(layer.macs, ",d"),
            size_text(layer.bytes),
        )
        for layer in report.layers
    ]
    columns = ("layer", "type", "output", "parameters", "MACs", "bytes")
    screen.show(
        report,
        Table(columns, rows, numbers_from=3),
        Facts(
            [
                ("parameters", f"{report.parameters:,}"),
                ("buffers", f"{report.buffers:,}"),
                ("MACs", number_text(report.macs, ",d")),
                ("size", size_text(report.bytes)),
            ]
        ),
    )
