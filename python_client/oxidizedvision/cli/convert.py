"""`oxidizedvision convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oxidizedvision.cli.flags import ConfigArgument, JsonFlag
from oxidizedvision.cli.render import Facts, number_text, screen_of, size_text


def convert(
    ctx: typer.Context,
    config: ConfigArgument,
    output_dir: Annotated[
        Path | None, typer.Option(help="Folder for every file, in place of export.output_dir.")
    ] = None,
    opset: Annotated[
        int | None, typer.Option(min=1, help="ONNX opset, met or refused; over the config's.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Export a network as TorchScript and ONNX.

    Beside them lie the manifest and the goldens: inputs, and PyTorch's outputs for them.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.convert import convert as work

        result = work(config, output_dir=output_dir, opset_version=opset, notify=notify)
    screen.show(
        result,
        Facts(
            [
                ("TorchScript", _file(result.torchscript)),
                ("ONNX", f"{_file(result.onnx)}, opset {result.opset_version}"),
                ("goldens", _file(result.goldens)),
                ("manifest", str(result.manifest)),
                ("against PyTorch", f"largest error {number_text(result.parity.get('max_error'))}"),
                ("seconds", f"{result.seconds:.1f}"),
            ]
        ),
    )


def _file(path: Path) -> str:
    return f"{path} ({size_text(path.stat().st_size)})"
