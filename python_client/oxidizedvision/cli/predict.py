"""`oxidizedvision predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import GoalFlag, JsonFlag, OptionFlag, options_of
from oxidizedvision.cli.render import Screen, Table, View, screen_of
from oxidizedvision.core.errors import Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.core.results import Notify
    from oxidizedvision.predict import PredictReport

_BAR = 24

ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="An .onnx, a .pt beside its manifest, a config.yml, a manifest, a package, or an "
        "executable with --runner program.",
    ),
]
InputsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUT...",
        help="Pictures, tensors (.npy, .npz, .safetensors), or folders of these.",
    ),
]
RunnerFlag = Annotated[
    str | None,
    typer.Option(
        "--runner",
        metavar="NAME",
        help="The runner to use; required but for a package. auto measures which is best.",
    ),
]


def predict(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    model: ModelArgument,
    inputs: InputsArgument,
    runner: RunnerFlag = None,
    goal: GoalFlag = None,
    output: Annotated[
        Path | None,
        typer.Option(help="File for one input, folder for several; `predictions` if not given."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of one run.")] = None,
    precision: Annotated[
        str, typer.Option(help="fp32 (as the model's file), or fp16, int8 where the engine can.")
    ] = "fp32",
    option: OptionFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a model on pictures or tensors, and write what it gives.

    Of several inputs one that fails does not stop the others; the verb then ends with 2. A name
    that is no picture and no tensor, or is not there, does, before anything is run.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.packaged import is_package

        name = runner or (None if is_package(model) else _none_named())
        from oxidizedvision.predict import EngineSettings
        from oxidizedvision.predict import predict as work

        report = work(
            model,
            inputs,
            runner=name,
            output=output,
            settings=EngineSettings(device, threads, precision, options_of(option or [])),
            goal=goal,
            notify=notify if screen.verbose else _with_bar(notify),
        )
    screen.show(report, *report_views(report))
    _tell_failures(screen, report)
    raise typer.Exit(report.exit_code)


def report_views(report: PredictReport) -> list[View]:
    """What was written, then what was left out."""
    rows = [
        (str(row.input), str(row.output), f"{row.run_ms:.1f}", row.note) for row in report.results
    ]
    title = f"{report.model} on {report.runner} {report.engine_version}"
    views: list[View] = []
    if rows:
        has_notes = any(row.note for row in report.results)
        width = 4 if has_notes else 3
        columns = ("input", "result", "ms", "note")[:width]
        views.append(Table(columns, [row[:width] for row in rows], title, numbers_from=2))
    views += [report.chosen] if report.chosen else []
    views += [f"{row.input} skipped: {row.reason}" for row in report.skipped]
    if report.failures:
        total = len(report.results) + len(report.failures)
        views.append(f"{len(report.failures)} of {total} inputs failed")
    return views


def _tell_failures(screen: Screen, report: PredictReport) -> None:
    for row in report.failures:
        name = str(row.input)
        message = row.message if name in row.message else f"{name}: {row.message}"
        screen.note(f"error: {message}")
        screen.note(f"hint: {row.hint}")


def _with_bar(notify: Notify) -> Notify:
    """Draws how far the work is before the input's name."""

    def told(text: str) -> None:
        total = getattr(text, "total", 0)
        if total < 2:
            notify(text)
            return
        done = getattr(text, "done", 0)
        full = _BAR * done // total
        notify(f"{'━' * full}{'╌' * (_BAR - full)} {done + 1} of {total}: {text}")

    return told


def _none_named() -> str:
    from oxidizedvision.runners import NAMES, availability

    ready = [name for name in NAMES if availability(name).ready]
    raise OxidizedVisionError(
        Kind.USAGE,
        "predict needs --runner NAME: no engine is chosen silently",
        f"Ready here: {', '.join(ready)}; or auto, which measures which is best.",
    )
