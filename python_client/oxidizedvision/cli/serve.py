"""`oxidizedvision serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import GoalFlag, JsonFlag, OptionFlag, options_of
from oxidizedvision.cli.render import Screen, Table, View, screen_of
from oxidizedvision.core.errors import ExitCode

if TYPE_CHECKING:
    from oxidizedvision.serve import ServedModel, ServeReport

ModelsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[[NAME=]MODEL]...",
        show_default=False,
        help="Manifests, .onnx or .pt files, or names of registered models; in place of the "
        "config's. NAME is what it is served by, in place of the model's own.",
    ),
]


RunnerName = Annotated[
    str | None,
    typer.Option(
        "--runner",
        metavar="NAME",
        help="The engine; required for MODEL. auto takes what `choose` found best.",
    ),
]
SettingsFlag = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A server.yml; see docs/serving.md.")
]
HostFlag = Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 if not given.")]
PortFlag = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port; 8000 if not given, 0 takes a free one."),
]
DeviceFlag = Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")]
ThreadsFlag = Annotated[
    int | None, typer.Option(min=1, help="Threads of one run; measured if not given.")
]
EnginesFlag = Annotated[
    int | None, typer.Option(min=1, help="Runs at the same time; measured if not given.")
]
PrecisionFlag = Annotated[
    str | None,
    typer.Option(help="fp32 (as the model's file), or fp16, int8 where the engine can."),
]


def serve(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    models: ModelsArgument = None,
    runner: RunnerName = None,
    goal: GoalFlag = None,
    config: SettingsFlag = None,
    host: HostFlag = None,
    port: PortFlag = None,
    device: DeviceFlag = None,
    threads: ThreadsFlag = None,
    engines: EnginesFlag = None,
    precision: PrecisionFlag = None,
    option: OptionFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Serve models over HTTP until Ctrl-C or SIGTERM.

    It speaks the Open Inference Protocol and takes pictures; docs/serving.md tells all of it. With
    --json the document is printed once the server listens.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.serve import ServeOptions, plan_server, run_server

        options = ServeOptions(
            runner=runner,
            goal=goal,
            host=host,
            port=port,
            device=device,
            threads=threads,
            engines=engines,
            precision=precision,
            options=options_of(option or []),
        )
        plan = plan_server(models or (), config=config, options=options, notify=notify)
    try:
        run_server(plan, started=lambda report: _tell(screen, report))
    except KeyboardInterrupt:
        screen.note("interrupted: the server has ended")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def report_views(report: ServeReport) -> list[View]:
    """The models, what was chosen, and where to go."""
    columns = ("model", "version", "runner", "runs x threads", "batching", "state")
    rows = [_row(model) for model in report.models]
    bad = frozenset(index for index, model in enumerate(report.models) if model.state != "READY")
    views: list[View] = [Table(columns, rows, bad=bad)] if rows else []
    views += [f"{model.name}: {model.reason}" for model in report.models if model.reason]
    views += report.chosen
    return [*views, f"Serving at {report.address} (Ctrl-C ends it)"]


def _row(model: ServedModel) -> tuple[str, ...]:
    return (
        model.name,
        model.version,
        f"{model.runner} {model.engine_version}",
        f"{model.engines} x {model.threads}",
        model.batching,
        model.state.lower(),
    )


def _tell(screen: Screen, report: ServeReport) -> None:
    screen.show(report, *report_views(report))
    screen.flush()
