"""`oxidizedvision benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oxidizedvision.cli import diff
from oxidizedvision.cli.benchmark_flags import (
    BaselineFlag,
    BatchFlag,
    BenchmarkAsked,
    BudgetFlag,
    CsvFlag,
    HtmlFlag,
    ItersFlag,
    LeversFlag,
    ProcessesFlag,
    ReferenceFlag,
    RunnerFlag,
    ThreadsFlag,
    TimeoutFlag,
    WarmupFlag,
    counts,
    seconds,
)
from oxidizedvision.cli.budget import budget_views, lever_views
from oxidizedvision.cli.engine_profile import (
    ByFlag,
    DepthFlag,
    EngineProfileFlag,
    Shown,
    TopFlag,
    check_flags,
    profile_engines,
)
from oxidizedvision.cli.flags import (
    JsonFlag,
    OptionFlag,
    ProgramFlag,
    ShapeFlag,
    SkipFlag,
    TargetArgument,
    options_of,
    shapes_of,
)
from oxidizedvision.cli.missing import unavailable_views
from oxidizedvision.cli.render import Facts, Screen, Table, View, screen_of
from oxidizedvision.cli.written import refuse_unwritable
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import to_plain

if TYPE_CHECKING:
    from oxidizedvision.benchmark import BenchmarkReport
    from oxidizedvision.benchmark.tables import TextTable
    from oxidizedvision.config import BudgetConfig
    from oxidizedvision.diff import DiffReport, Side


def benchmark(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    target: TargetArgument,
    runner: RunnerFlag = None,
    iters: ItersFlag = None,
    batch_size: BatchFlag = None,
    shape: ShapeFlag = None,
    warmup: WarmupFlag = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")] = None,
    threads: ThreadsFlag = None,
    processes: ProcessesFlag = None,
    reference: ReferenceFlag = None,
    timeout: TimeoutFlag = None,
    html: HtmlFlag = None,
    csv: CsvFlag = None,
    baseline: BaselineFlag = None,
    program: ProgramFlag = None,
    skip_unavailable: SkipFlag = False,
    option: OptionFlag = None,
    budget: BudgetFlag = None,
    levers: LeversFlag = None,
    engine_profile: EngineProfileFlag = False,
    by: ByFlag = None,
    top: TopFlag = None,
    depth: DepthFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure runners side by side: latency, throughput, start, memory and size.

    Each row runs in fresh processes, in turns with the others, and is compared with the reference.
    docs/benchmarks.md says how.
    """
    from oxidizedvision.benchmark import BenchmarkOptions

    del as_json
    files = {kind: path for kind, path in (("html", html), ("csv", csv)) if path is not None}
    refuse_unwritable(files)
    shown = Shown(by, top, depth)
    others: dict[str, Any] = {"--warmup": warmup, "--device": device, "--processes": processes}
    others |= {"--reference": reference, "--baseline": baseline, "--program": program}
    others |= {"--option": option, "--budget": budget, "--levers": levers}
    check_flags(engine_profile, shown, others)
    options = BenchmarkOptions(
        iters=iters,
        batch_size=counts("--batch-size", batch_size),
        warmup_iters=warmup,
        device=device,
        threads=counts("--threads", threads),
        processes=processes or BenchmarkOptions.processes,
        reference=reference,
        timeout_s=seconds("--timeout", timeout) or BenchmarkOptions.timeout_s,
        engine_options=options_of(option or []) or None,
        levers=levers,
        shapes=shapes_of(shape or []) or None,
    )
    asked = BenchmarkAsked(target, runner, options, skip_unavailable, program, budget, baseline)
    if engine_profile:
        raise typer.Exit(profile_engines(screen_of(ctx), asked, shown, files))
    raise typer.Exit(_measured(screen_of(ctx), asked, files))


def _measured(screen: Screen, asked: BenchmarkAsked, files: dict[str, Path]) -> int:
    """Measure, write the files, show the tables; gives the exit code."""
    with screen.working() as notify:
        from oxidizedvision.benchmark import benchmark as work

        before = _baseline(asked.baseline)
        report = work(
            asked.target,
            runners=asked.runners,
            options=asked.options,
            program=asked.program,
            skip_unavailable=asked.skip_unavailable,
            budget=_limits(asked.budget),
            notify=notify,
        )
        _write(report, files)
        comparison = _compared(report, before)
    places: list[View] = [Facts([(kind, str(path)) for kind, path in files.items()])]
    views = [*report_views(report), *(places if files else [])]
    if comparison is None:
        screen.show(report, *views)
        return report.exit_code
    document = {**to_plain(report), "baseline": to_plain(comparison)}
    screen.show(document, *views, *diff.report_views(comparison))
    return report.exit_code or comparison.exit_code


def report_views(report: BenchmarkReport) -> list[View]:
    """The tables, what they stand on, and the rows that have no figures."""
    from oxidizedvision.benchmark import words

    views: list[View] = []
    if report.results:
        views += [view for table in _tables(report) for view in (table, "")]
        views.append(words.noise_text(report.noise))
    if report.machine:
        views.append(words.machine_text(report.machine))
    views += [f"warning: {text}" for text in words.cautions(report)]
    for row in report.failures:
        views += [f"{row.runner} failed: {row.message}"]
        views += [f"hint: {row.hint}"] if row.hint else []
    views += unavailable_views(report.unavailable)
    return [*views, *lever_views(report.levers), *budget_views(report.budget)]


def _tables(report: BenchmarkReport) -> list[Table]:
    from oxidizedvision.benchmark import tables

    found = (tables.latency_table(report), tables.verdict_table(report), tables.cost_table(report))
    return [_shown(table) for table in found if table is not None]


def _shown(table: TextTable) -> Table:
    return Table(table.columns, table.rows, table.title, numbers_from=table.numbers_from)


def _baseline(source: str | None) -> Side | None:
    """The earlier result, read before the benchmark writes its figures into the same manifest."""
    from oxidizedvision.diff import read_side

    return None if source is None else read_side(source)


def _limits(config: Path | None) -> BudgetConfig | None:
    """The budget of a config other than the target's.

    Raises:
        OxidizedVisionError: `config`, also for one that limits nothing.
    """
    if config is None:
        return None
    from oxidizedvision.config import load_config

    limits = load_config(config).budget
    if not limits.limits:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"{config} limits nothing",
            "Give it a `budget`; docs/comparing.md has one.",
        )
    return limits


def _compared(report: BenchmarkReport, baseline: Side | None) -> DiffReport | None:
    from oxidizedvision.diff import against

    return None if baseline is None else against(report, baseline)


def _write(report: BenchmarkReport, files: dict[str, Path]) -> None:
    if "html" in files:
        from oxidizedvision.report.benchmark import write_html

        write_html(report, files["html"])
    if "csv" in files:
        from oxidizedvision.benchmark.tables import write_csv

        write_csv(report, files["csv"])
