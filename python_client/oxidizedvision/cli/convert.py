"""`oxidizedvision convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import ConfigArgument, JsonFlag, TrustFlag
from oxidizedvision.cli.render import Facts, Table, number_text, screen_of, size_text

if TYPE_CHECKING:
    from oxidizedvision.core.manifest import AttemptRecord


def convert(
    ctx: typer.Context,
    config: ConfigArgument,
    output_dir: Annotated[
        Path | None, typer.Option(help="Folder for every file, in place of export.output_dir.")
    ] = None,
    opset: Annotated[
        int | None, typer.Option(min=1, help="ONNX opset, met or refused; over the config's.")
    ] = None,
    exporter: Annotated[
        str | None,
        typer.Option(help="auto, dynamo, torchscript or script; over the config's."),
    ] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Try every exporter, and take the best.")
    ] = False,
    trust_checkpoint: TrustFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Export a network as TorchScript and ONNX.

    Beside them lie the manifest and the goldens: inputs, and PyTorch's outputs for them.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.convert import convert as work

        result = work(
            config,
            output_dir=output_dir,
            opset_version=opset,
            exporter=exporter,
            thorough=thorough,
            trust_checkpoint=trust_checkpoint,
            notify=notify,
        )
    facts = [
        ("TorchScript", _file(result.torchscript)),
        ("ONNX", f"{_file(result.onnx)}, opset {result.opset_version}"),
        ("exporter", result.reason),
        ("goldens", _file(result.goldens)),
        ("manifest", str(result.manifest)),
        ("against PyTorch", f"largest error {number_text(result.parity.get('max_error'))}"),
        ("seconds", f"{result.seconds:.1f}"),
    ]
    if result.pt2 is not None:
        facts.insert(1, (".pt2", _file(result.pt2)))
    if result.axes:
        ranges = "; ".join(f"{name} {found}" for name, found in result.axes.items())
        facts.insert(-3, ("axes", f"{ranges}; other lengths are refused"))
    parts = [Facts(facts)]
    if len(result.attempts) > 1:
        screen.show(result, *parts, _attempts(result.attempts))
    else:
        screen.show(result, *parts)


def _attempts(attempts: tuple[AttemptRecord, ...]) -> Table:
    return Table(
        ("exporter", "opset", "status", "engines", "why"),
        [
            (
                f"{attempt.exporter}{' (taken)' if attempt.chosen else ''}",
                str(attempt.opset_version),
                attempt.status,
                ", ".join(n for n, said in attempt.engines.items() if said == "works") or "-",
                _why(attempt),
            )
            for attempt in attempts
        ],
    )


def _why(attempt: AttemptRecord) -> str:
    if attempt.message:
        return attempt.message + (f" at {attempt.source}" if attempt.source else "")
    refused = [f"{name}: {said}" for name, said in attempt.engines.items() if said != "works"]
    return "; ".join(refused)


def _file(path: Path | None) -> str:
    return f"{path} ({size_text(path.stat().st_size)})" if path else "none"
