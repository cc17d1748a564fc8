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
)
from oxidizedvision.cli.missing import unavailable_views
from oxidizedvision.cli.render import Table, View, number_text, screen_of
from oxidizedvision.core.errors import Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.config import Config
    from oxidizedvision.validate import ValidationReport


def validate(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    target: TargetArgument,
    runner: RunnerFlag = None,
    num_tests: Annotated[int | None, typer.Option(min=0, help="Seeded random inputs.")] = None,
    picture: PictureFlag = None,
    program: ProgramFlag = None,
    tolerance_mae: Annotated[
        float | None, typer.Option(min=0, help="Largest mean absolute error that passes.")
    ] = None,
    tolerance_cos_sim: Annotated[
        float | None, typer.Option(min=-1, max=1, help="Smallest cosine similarity that passes.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random inputs.")] = 0,
    skip_unavailable: SkipFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare every runner with PyTorch.

    Ends with 3 when one differs, and with 4 when one that is asked for is not here.
    """
    del as_json
    screen = screen_of(ctx)
    tolerances = {"tolerance_mae": tolerance_mae, "tolerance_cos_sim": tolerance_cos_sim}
    with screen.working() as notify:
        from oxidizedvision.validate import validate as work

        report = work(
            _with_tolerances(target, tolerances),
            runners=runner,
            num_tests=num_tests,
            pictures=picture or (),
            program=program,
            skip_unavailable=skip_unavailable,
            seed=seed,
            notify=notify,
        )
    screen.show(report, *report_views(report))
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
    validation = config.validation.model_copy(update=given)
    return config.model_copy(update={"validation": validation})


def report_views(report: ValidationReport) -> list[View]:
    """The parity table, what else is wrong, and the verdict."""
    rows = [
        (
            row.runner,
            row.engine_version,
            row.output,
            "pass" if row.passed else "FAIL",
            str(row.cases),
            number_text(row.mae),
            number_text(row.rmse),
            number_text(row.max_error),
            number_text(row.cosine_similarity, ".6f"),
        )
        for row in report.results
    ]
    columns = ("runner", "version", "output", "result", "cases", "MAE", "RMSE", "max", "cosine")
    failed = frozenset(index for index, row in enumerate(report.results) if not row.passed)
    views: list[View] = [Table(columns, rows, report.model, failed, numbers_from=4)]
    views += [
        f"{row.runner}, {row.output}: {row.reason}" for row in report.results if not row.passed
    ]
    views += [f"{row.file}: {row.reason}" for row in report.integrity if not row.passed]
    views += unavailable_views(report.unavailable)
    views.append(_verdict(report))
    return views


def _verdict(report: ValidationReport) -> str:
    """Whether what was compared passed, and who was not there to be compared."""
    verdict = "passed" if report.passed else "FAILED"
    verdict = verdict if report.results else "nothing was compared"
    limits = f"MAE at most {report.tolerance_mae:g}, cosine at least {report.tolerance_cos_sim:g}"
    absent = [row.name for row in report.unavailable]
    if not absent:
        return f"{verdict}: {limits}"
    count = "1 runner" if len(absent) == 1 else f"{len(absent)} runners"
    link = "but" if report.passed else "and"
    return f"{verdict}, {link} {count} did not run: {', '.join(absent)} ({limits})"
