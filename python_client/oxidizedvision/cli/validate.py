"""`oxidizedvision validate`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oxidizedvision.cli.flags import (
    JsonFlag,
    PictureFlag,
    ProgramFlag,
    RunnerFlag,
    SkipFlag,
    TargetArgument,
    shapes_of,
)
from oxidizedvision.cli.layers import LayersAsked, refuse_shape, show_layers
from oxidizedvision.cli.missing import unavailable_views
from oxidizedvision.cli.render import Facts, Table, View, screen_of
from oxidizedvision.cli.written import refuse_unwritable
from oxidizedvision.core.errors import Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.benchmark.tables import TextTable
    from oxidizedvision.config import Config
    from oxidizedvision.validate import DataSet, ValidationReport

MaeFlag = Annotated[
    float | None, typer.Option(min=0, help="Largest mean absolute error that passes.")
]
CosineFlag = Annotated[
    float | None, typer.Option(min=-1, max=1, help="Smallest cosine similarity that passes.")
]
DataFlag = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Tell accuracy as well, on pictures in a folder for each class.",
    ),
]
LabelsFlag = Annotated[
    Path | None,
    typer.Option(
        "--labels", metavar="CSV", help="Of --data: a table with the columns file and label."
    ),
]
MasksFlag = Annotated[
    Path | None,
    typer.Option(
        "--masks", metavar="FOLDER", help="Of --data: a PNG of the same stem for each picture."
    ),
]
MaxDropFlag = Annotated[
    float | None,
    typer.Option(
        "--max-drop",
        metavar="SHARE",
        min=0,
        max=1,
        help="Of --data: end with 3 when top-1, or the mean IoU, falls further below PyTorch's.",
    ),
]
HtmlFlag = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also write a page, one offline file.")
]
JunitFlag = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Also write JUnit XML, for CI.")
]


LayersFlag = Annotated[
    bool,
    typer.Option(
        "--layers", help="Name the first layer that differs by more than rounding; see --full."
    ),
]
FullFlag = Annotated[bool, typer.Option("--full", help="Of --layers: measure every layer.")]
LayerShapeFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--shape",
        metavar="INPUT=LENGTHS",
        help="Of --layers and --reduce: shape of an input of an .onnx file that no manifest lists.",
    ),
]
ReduceFlag = Annotated[
    Path | None,
    typer.Option(
        "--reduce",
        metavar="FOLDER",
        help="Write the smallest part of the model that still fails in --runner to a folder.",
    ),
]


def validate(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    target: TargetArgument,
    runner: RunnerFlag = None,
    num_tests: Annotated[int | None, typer.Option(min=0, help="Seeded random inputs.")] = None,
    picture: PictureFlag = None,
    program: ProgramFlag = None,
    tolerance_mae: MaeFlag = None,
    tolerance_cos_sim: CosineFlag = None,
    data: DataFlag = None,
    labels: LabelsFlag = None,
    masks: MasksFlag = None,
    max_drop: MaxDropFlag = None,
    html: HtmlFlag = None,
    junit: JunitFlag = None,
    layers: LayersFlag = False,
    full: FullFlag = False,
    reduce: ReduceFlag = None,
    shape: LayerShapeFlag = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random inputs.")] = 0,
    skip_unavailable: SkipFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare every runner with PyTorch.

    Ends with 3 when one differs, and with 4 when one that is asked for is not here.
    docs/validation.md tells what is compared and by what limits.
    """
    del as_json
    screen = screen_of(ctx)
    tolerances = {"tolerance_mae": tolerance_mae, "tolerance_cos_sim": tolerance_cos_sim}
    files = {kind: path for kind, path in (("html", html), ("junit", junit)) if path is not None}
    refuse_unwritable(files)
    if layers or full or reduce is not None:
        shapes = shapes_of(shape or [])
        asked = LayersAsked(target, runner, full=full, folder=reduce, layers=layers, shapes=shapes)
        others = (*tolerances.values(), num_tests, picture, program, data, labels, masks, junit)
        raise typer.Exit(show_layers(screen, asked, files, others))
    refuse_shape(shape)
    with screen.working() as notify:
        from oxidizedvision.validate import validate as work

        report = work(
            _with_tolerances(target, tolerances),
            runners=runner,
            num_tests=num_tests,
            pictures=picture or (),
            program=program,
            data=_data_set(data, {"labels": labels, "masks": masks, "max_drop": max_drop}),
            skip_unavailable=skip_unavailable,
            seed=seed,
            notify=notify,
        )
        _write(report, files)
    places: list[View] = [Facts([(kind, str(path)) for kind, path in files.items()])]
    screen.show(report, *report_views(report), *(places if files else []))
    raise typer.Exit(report.exit_code)


def _with_tolerances(target: Path, tolerances: dict[str, float | None]) -> Path | Config:
    given: dict[str, Any] = {name: value for name, value in tolerances.items() if value is not None}
    if not given:
        return target
    for name, value in given.items():
        if not math.isfinite(value):
            flag = f"--{name.replace('_', '-')}"
            raise OxidizedVisionError(
                Kind.USAGE, f"{flag} cannot be {value}", "Give a finite number."
            )
    if target.suffix not in (".yml", ".yaml"):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{target} carries the tolerances that it was converted with",
            "Give the config.yml to use others.",
        )
    from oxidizedvision.config import load_config

    config = load_config(target)
    validation = config.validation.overridden(**given)
    return config.model_copy(update={"validation": validation})


def _data_set(folder: Path | None, given: dict[str, Any]) -> DataSet | None:
    """The data set that the flags tell of.

    Raises:
        OxidizedVisionError: `usage` for a flag that needs --data, without it.
    """
    told = {name: value for name, value in given.items() if value is not None}
    if folder is None:
        for name in told:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"--{name.replace('_', '-')} says something about a data set, and there is none",
                "Give its folder with --data.",
            )
        return None
    from oxidizedvision.validate import DataSet

    return DataSet(folder, **told)


def _write(report: ValidationReport, files: dict[str, Path]) -> None:
    if "html" in files:
        from oxidizedvision.report.validation import write_html

        write_html(report, files["html"])
    if "junit" in files:
        from oxidizedvision.validate import write_junit

        write_junit(report, files["junit"])


def report_views(report: ValidationReport) -> list[View]:
    """The parity table, accuracy, what else is wrong, and the verdict."""
    from oxidizedvision.validate import tables

    failed = frozenset(index for index, row in enumerate(report.results) if not row.passed)
    views: list[View] = [_shown(tables.parity_table(report), failed)]
    if report.data is not None:
        rows = enumerate(report.data.results)
        fallen = frozenset(index for index, row in rows if not row.passed)
        views += [_shown(tables.data_table(report.data), fallen)]
        views += tables.data_sentences(report.data)
    views += tables.failures(report)
    views += unavailable_views(report.unavailable)
    return [*views, tables.verdict_text(report)]


def _shown(table: TextTable, bad: frozenset[int]) -> Table:
    return Table(table.columns, table.rows, table.title, bad, numbers_from=table.numbers_from)
