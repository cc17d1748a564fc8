"""`oxidizedvision optimize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.quantization import quantization_views
from oxidizedvision.cli.render import Facts, Table, View, number_text, screen_of, size_text
from oxidizedvision.core.errors import Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.config import BudgetConfig, CalibrationConfig
    from oxidizedvision.optimize import OptimizeResult, QuantizeOptions

ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A config.yml, a manifest or the .onnx file.")
]
OutputFlag = Annotated[
    Path | None,
    typer.Option(help="The new file; NAME.optimized.onnx, .int8.onnx or .fp16.onnx if not given."),
]
SimplifyFlag = Annotated[
    bool | None, typer.Option("--simplify/--no-simplify", help="Remove and fuse nodes.")
]
SimplifierFlag = Annotated[
    str | None, typer.Option(help="onnxslim (the default), or onnxsim where it is installed.")
]
FoldingFlag = Annotated[
    bool | None,
    typer.Option("--constant-folding/--no-constant-folding", help="Compute constant parts once."),
]
QuantizeFlag = Annotated[
    str | None, typer.Option(help="A smaller precision: int8, int8-dynamic or fp16.")
]
EngineFlag = Annotated[
    str | None, typer.Option(help="The runner that will run the smaller model, and judges it.")
]
ThreadsFlag = Annotated[int | None, typer.Option(min=1, help="Threads of that runner.")]
CalibrationFlag = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="What INT8 is calibrated on: a folder of pictures, an .npy or .npz file, or "
        "file.py:function.",
    ),
]
MethodFlag = Annotated[
    str | None,
    typer.Option(help="How ranges are taken: search (the default), minmax, entropy, percentile."),
]
SamplesFlag = Annotated[int | None, typer.Option(min=1, help="Inputs to calibrate on, at most.")]
PerChannelFlag = Annotated[
    bool | None,
    typer.Option("--per-channel/--per-tensor", help="A scale for each channel of a weight."),
]
RandomFlag = Annotated[
    bool,
    typer.Option("--random-calibration", help="Calibrate on random numbers, which says little."),
]
MetricFlag = Annotated[
    str | None,
    typer.Option(help="The budget's metric: cosine, sqnr, psnr, top1, iou or file.py:function."),
]
DropFlag = Annotated[
    float | None, typer.Option(min=0, help="How far the metric may fall below FP32's.")
]
DataFlag = Annotated[
    str | None, typer.Option(metavar="DATA", help="Inputs that the metric is taken on.")
]
ReferenceFlag = Annotated[
    str | None, typer.Option(metavar="DATA", help="What the outputs for those should be.")
]
ForceFlag = Annotated[
    bool, typer.Option("--force", help="Keep what is slower or larger than FP32.")
]
DryFlag = Annotated[bool, typer.Option("--dry-run", help="Try everything and write nothing.")]


def optimize(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    model: ModelArgument,
    output: OutputFlag = None,
    simplify: SimplifyFlag = None,
    simplifier: SimplifierFlag = None,
    constant_folding: FoldingFlag = None,
    quantize: QuantizeFlag = None,
    engine: EngineFlag = None,
    threads: ThreadsFlag = None,
    calibration: CalibrationFlag = None,
    method: MethodFlag = None,
    samples: SamplesFlag = None,
    per_channel: PerChannelFlag = None,
    random_calibration: RandomFlag = False,
    metric: MetricFlag = None,
    max_drop: DropFlag = None,
    data: DataFlag = None,
    reference: ReferenceFlag = None,
    force: ForceFlag = False,
    dry_run: DryFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Simplify an ONNX graph, and make it FP16 or INT8 within a budget.

    The simplified graph is kept only where it gives the same outputs, a smaller precision only
    where it keeps the budget on its engine and is neither slower nor larger than FP32: else this
    ends with 3. docs/quantization.md says how.
    """
    del as_json
    blocks: dict[str, dict[str, Any]] = {
        "calibration": {
            "data": calibration,
            "method": method,
            "samples": samples,
            "per_channel": per_channel,
            "random": random_calibration or None,
        },
        "budget": {"metric": metric, "max_drop": max_drop, "data": data, "reference": reference},
    }
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.optimize import optimize as work

        result = work(
            model,
            output=output,
            simplify=simplify,
            simplifier=simplifier,
            constant_folding=constant_folding,
            quantize=quantize,
            quantization=_options(model, blocks, engine, threads, force=force),
            dry_run=dry_run,
            notify=notify,
        )
    screen.show(result, *result_views(result))
    raise typer.Exit(result.exit_code)


def _options(
    model: Path,
    blocks: dict[str, dict[str, Any]],
    engine: str | None,
    threads: int | None,
    *,
    force: bool,
) -> QuantizeOptions:
    """The config's blocks with the flags in place of what they name."""
    from oxidizedvision.config import BudgetConfig, CalibrationConfig, load_config
    from oxidizedvision.optimize import QuantizeOptions

    config = load_config(model) if model.suffix in {".yml", ".yaml"} else None
    calibration: CalibrationConfig = config.calibration if config else CalibrationConfig()
    budget: BudgetConfig = config.budget if config else BudgetConfig()
    return QuantizeOptions(
        engine=engine,
        threads=threads,
        calibration=_with(calibration, blocks["calibration"]),
        budget=_with(budget, blocks["budget"]),
        force=force,
    )


def _with(block: Any, given: dict[str, Any]) -> Any:
    """A block with the values that flags gave; paths of flags are from the current folder."""
    from pydantic import ValidationError

    values = {key: value for key, value in given.items() if value is not None}
    for key in {"data", "reference"} & set(values):
        values[key] = _from_here(values[key])
    try:
        return type(block).model_validate({**block.model_dump(exclude_unset=True), **values})
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + str(first["loc"][0]).replace("_", "-") if first["loc"] else "A flag"
        reason = first["msg"].removeprefix("Value error, ")
        raise OxidizedVisionError(
            Kind.USAGE, f"{flag}: {reason}", "`oxidizedvision optimize --help` lists them."
        ) from error


def _from_here(text: str) -> str:
    where, colon, name = text.rpartition(":")
    if colon and where.endswith(".py"):
        return f"{Path(where).absolute()}:{name}"
    return text if colon else str(Path(text).absolute())


def result_views(result: OptimizeResult) -> list[View]:
    """What became of the graph, and of a smaller precision."""
    before, after = result.operators_before, result.operators_after
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    rows = [(name, str(before.get(name, 0)), str(after.get(name, 0))) for name in changed]
    output = f"{result.output} (not written)" if result.dry_run else str(result.output)
    simplified = "yes" if result.kept else f"no, the graph stays as it was: {result.reason}"
    views: list[View] = [
        Facts(
            [
                ("output", output),
                ("simplified", simplified),
                ("nodes", f"{result.nodes_before} before, {result.nodes_after} after"),
                ("size", f"{size_text(result.bytes_before)}, {size_text(result.bytes_after)}"),
                ("error of simplifying", number_text(result.max_error)),
                ("seconds", f"{result.seconds:.1f}"),
            ]
        )
    ]
    if rows:
        views.append(Table(("operator", "before", "after"), rows, numbers_from=1))
    if result.quantization is not None:
        views += quantization_views(result.quantization)
    return views
