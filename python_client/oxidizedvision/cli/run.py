"""`oxidizedvision run`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli import benchmark, validate
from oxidizedvision.cli.flags import ConfigArgument, JsonFlag, PictureFlag, SkipFlag, TrustFlag
from oxidizedvision.cli.render import Facts, Table, View, screen_of, size_text
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.pipeline import PipelineResult


def run(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    config: ConfigArgument,
    output_dir: Annotated[
        Path | None, typer.Option(help="Folder for every file, in place of export.output_dir.")
    ] = None,
    crate_dir: Annotated[
        Path | None, typer.Option(help="The crate's folder; OUTPUT_DIR/crate where not given.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="The program's engine.")] = None,
    picture: PictureFlag = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do every stage again.")] = False,
    build: Annotated[bool, typer.Option(help="Build the program.")] = True,
    skip_unavailable: SkipFlag = False,
    trust_checkpoint: TrustFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Do all of it, from the config to the report.

    Converts, optimizes, packages, validates, benchmarks and writes report.html and report.json;
    stages whose inputs did not change are skipped.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.pipeline import PipelineOptions
        from oxidizedvision.pipeline import run as work

        options = PipelineOptions(
            output_dir=output_dir,
            crate_dir=crate_dir,
            engine=engine,
            pictures=tuple(picture or ()),
            fresh=fresh,
            build=build,
            skip_unavailable=skip_unavailable,
            trust_checkpoint=trust_checkpoint,
        )
        result = work(config, options=options, notify=notify)
    screen.show(result, *result_views(result))
    raise typer.Exit(_exit_code(result, skip_unavailable))


def _exit_code(result: PipelineResult, skip_unavailable: bool) -> ExitCode:
    if not result.passed:
        return ExitCode.CHECK_FAILED
    failures = result.report["benchmark"]["failures"]
    if failures:
        return OxidizedVisionError(Kind(failures[0]["kind"]), "").exit_code
    if result.unavailable and not skip_unavailable:
        return ExitCode.MISSING_PART
    return result.budget.exit_code if result.budget else ExitCode.DONE


def result_views(result: PipelineResult) -> list[View]:
    """The stages, the parity and latency tables, the sizes, and where everything lies."""
    from oxidizedvision.benchmark.reading import report_from
    from oxidizedvision.validate.reading import report_from as validation_from

    rows = [(stage.name, stage.status, f"{stage.seconds:.1f}") for stage in result.stages]
    stages = Table(("stage", "status", "seconds"), rows, result.name, numbers_from=2)
    files = [(row["name"], row["file"], size_text(row["bytes"])) for row in result.report["files"]]
    validated = validation_from(result.report["validation"])
    measured = report_from(result.report["benchmark"])
    return [
        stages,
        *validate.report_views(dataclasses.replace(validated, model="against PyTorch")),
        *benchmark.report_views(dataclasses.replace(measured, model="latency")),
        Table(("what", "file", "size"), files, "sizes", numbers_from=2),
        Facts(_places(result)),
    ]


def _places(result: PipelineResult) -> list[tuple[str, str]]:
    pairs = [
        ("report", f"{result.report_html}, {result.report_json}"),
        ("manifest", str(result.manifest)),
        ("crate", str(result.crate)),
    ]
    if result.executable is not None:
        pairs.append(("program", str(result.executable)))
    return pairs
