"""`oxidizedvision choose`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag, TargetArgument
from oxidizedvision.cli.render import Table, View, number_text, screen_of, size_text

if TYPE_CHECKING:
    from oxidizedvision.auto import Choice, ChoiceRow

EngineFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--engine", metavar="NAME", help="Choose among these; may be given several times."
    ),
]
ThreadsFlag = Annotated[
    list[int] | None,
    typer.Option(min=1, help="Threads to try; may be given several times. 1, 2, 4 … if not given."),
]
BatchFlag = Annotated[
    list[int] | None,
    typer.Option(
        min=1,
        help="Batch to try; may be given several times. 1, for throughput 1, 4, 8, if not given.",
    ),
]


def choose(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    target: TargetArgument,
    goal: Annotated[
        str, typer.Option(help="latency, throughput, memory, size or cold-start.")
    ] = "latency",
    engine: EngineFlag = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")] = None,
    threads: ThreadsFlag = None,
    batch_size: BatchFlag = None,
    iters: Annotated[int | None, typer.Option(min=1, help="Timed runs in each stage.")] = None,
    warmup: Annotated[int | None, typer.Option(min=0, help="Runs before timing starts.")] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes of each candidate in the last stage.")
    ] = 5,
    remeasure: Annotated[
        bool, typer.Option("--remeasure", help="Measure even though a choice is kept.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Find the engine, threads and batch that are best for a goal, by measuring them.

    Only engines that pass validation take part. The choice and its evidence are kept in the
    manifest and given again until machine, model or engines change; `predict` and `serve` with
    `--runner auto` and `package --engine auto` use it.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.auto import ChooseOptions
        from oxidizedvision.auto import choose as work

        options = ChooseOptions(
            engines=engine or None,
            device=device,
            threads=threads or None,
            batch_size=batch_size or None,
            iters=iters,
            warmup_iters=warmup,
            processes=processes,
        )
        choice = work(target, goal=goal, options=options, remeasure=remeasure, notify=notify)
    screen.show(choice, *choice_views(choice))


def choice_views(choice: Choice) -> list[View]:
    """The figures, who was left out, what to know, and the choice."""
    columns = ("candidate", "version", "stage", choice.rows[0].unit, "the best is", "p50 ms")
    more = ("mean per s", "first result ms", "peak MiB", "to ship")
    rows = [_row(row) for row in choice.rows]
    title = f"{choice.model}, {choice.goal}"
    views: list[View] = [Table((*columns, *more), rows, title, numbers_from=3)]
    views += [f"{row.name} left out: {row.reason}" for row in choice.dropped]
    views += [f"note: {note}" for note in choice.notes]
    return [*views, choice.line]


def _row(row: ChoiceRow) -> tuple[str, ...]:
    return (
        row.name,
        row.engine_version,
        row.stage,
        number_text(row.figure, ".2f"),
        _advantage(row),
        number_text(row.p50_ms, ".2f"),
        number_text(row.throughput_per_s, ".1f"),
        number_text(row.first_result_ms, ".1f"),
        number_text(row.peak_rss_mib, ".0f"),
        size_text(row.shipped_bytes),
    )


def _advantage(row: ChoiceRow) -> str:
    """How many times better the chosen one is, with the interval where there is one."""
    if row.advantage is None:
        return "–"
    low, high = row.interval or (None, None)
    span = f" ({low:.2f} to {high:.2f})" if low is not None and high is not None else ""
    return f"{row.advantage:.2f} ×{span}"
