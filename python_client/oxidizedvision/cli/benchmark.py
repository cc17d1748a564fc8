"""`oxidizedvision benchmark`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag, ProgramFlag, RunnerFlag, SkipFlag, TargetArgument
from oxidizedvision.cli.missing import unavailable_views
from oxidizedvision.cli.render import Table, View, number_text, screen_of, size_text

if TYPE_CHECKING:
    from oxidizedvision.benchmark import BenchmarkReport


def benchmark(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    target: TargetArgument,
    runner: RunnerFlag = None,
    iters: Annotated[int | None, typer.Option(min=1, help="Timed runs.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Inputs in one run.")] = None,
    warmup: Annotated[int | None, typer.Option(min=0, help="Runs before timing starts.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of one run.")] = None,
    program: ProgramFlag = None,
    skip_unavailable: SkipFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Measure every runner's latency and memory."""
    del as_json
    screen = screen_of(ctx)
    with screen.working() as notify:
        from oxidizedvision.benchmark import BenchmarkOptions
        from oxidizedvision.benchmark import benchmark as work

        options = BenchmarkOptions(
            iters=iters,
            batch_size=batch_size,
            warmup_iters=warmup,
            device=device,
            threads=threads,
        )
        report = work(
            target,
            runners=runner,
            options=options,
            program=program,
            skip_unavailable=skip_unavailable,
            notify=notify,
        )
    screen.show(report, *report_views(report))
    raise typer.Exit(report.exit_code)


def report_views(report: BenchmarkReport) -> list[View]:
    """The table of figures, then the runners that have none."""
    rows = [
        (
            row.runner,
            row.engine_version,
            str(row.threads),
            number_text(row.avg_ms, ".2f"),
            number_text(row.p50_ms, ".2f"),
            number_text(row.p95_ms, ".2f"),
            number_text(row.p99_ms, ".2f"),
            number_text(row.throughput_per_s, ".1f"),
            number_text(row.load_ms, ".0f"),
            number_text(row.peak_rss_mib, ".0f"),
            size_text(row.model_bytes),
        )
        for row in report.results
    ]
    columns = ("runner", "version", "threads", "avg ms", "p50", "p95", "p99", "per s")
    more = ("load ms", "peak MiB", "model")
    views: list[View] = [Table((*columns, *more), rows, report.model, numbers_from=2)]
    views += [f"{row.runner} failed: {row.message}" for row in report.failures]
    views += unavailable_views(report.unavailable)
    return views
