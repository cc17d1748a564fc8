"""`oxidizedvision benchmark`."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oxidizedvision.cli import diff
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
    SkipFlag,
    TargetArgument,
    options_of,
)
from oxidizedvision.cli.missing import unavailable_views
from oxidizedvision.cli.render import Facts, Table, View, screen_of
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import make_folder
from oxidizedvision.core.results import to_plain

if TYPE_CHECKING:
    from oxidizedvision.benchmark import BenchmarkReport
    from oxidizedvision.benchmark.tables import TextTable
    from oxidizedvision.config import BudgetConfig
    from oxidizedvision.diff import DiffReport, Side

RunnerFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--runner",
        metavar="NAME",
        help="A runner to measure, or torch.compile; may be given several times.",
    ),
]
ItersFlag = Annotated[
    int | None,
    typer.Option(min=1, help="Timed runs of each row in all; until they agree where not given."),
]
BatchFlag = Annotated[
    str | None, typer.Option(metavar="N[,N…]", help="Inputs in one run; several give a sweep.")
]
ThreadsFlag = Annotated[
    str | None, typer.Option(metavar="N[,N…]", help="Threads of one run; several give a sweep.")
]
WarmupFlag = Annotated[
    int | None,
    typer.Option(
        min=0, help="Runs of each process before timing; until they are even where not given."
    ),
]
ProcessesFlag = Annotated[
    int | None, typer.Option(min=1, help="Fresh processes of each row; 5 where not given.")
]
ReferenceFlag = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The row to compare with; the first where not given."),
]
TimeoutFlag = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="The most that one process may take; 600 if not given."),
]
HtmlFlag = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Also write a page with charts, one offline file."),
]
BaselineFlag = Annotated[
    str | None,
    typer.Option(
        metavar="RESULT",
        help="An earlier result, as `diff` takes it; ends with 3 where this one is worse.",
    ),
]
BudgetFlag = Annotated[
    Path | None,
    typer.Option(
        "--budget",
        metavar="CONFIG",
        help="Hold the rows to the budget of this config.yml; else to that of TARGET.",
    ),
]
LeversFlag = Annotated[
    bool | None,
    typer.Option(
        "--levers/--no-levers",
        help="Try other engines, prepared models, mapping and one thread; where not given, only "
        "for a budget that is broken.",
    ),
]
CsvFlag = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Also write the figures as CSV.")
]


def benchmark(  # noqa: PLR0913, PLR0917 - one parameter per flag
    ctx: typer.Context,
    target: TargetArgument,
    runner: RunnerFlag = None,
    iters: ItersFlag = None,
    batch_size: BatchFlag = None,
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
    del as_json
    given: dict[str, Any] = {
        "iters": iters,
        "batch_size": counts("--batch-size", batch_size),
        "warmup_iters": warmup,
        "device": device,
        "threads": counts("--threads", threads),
        "processes": processes,
        "reference": reference,
        "timeout_s": _seconds(timeout),
    }
    more = {"engine_options": options_of(option or []) or None, "levers": levers}
    files = {kind: path for kind, path in (("html", html), ("csv", csv)) if path is not None}
    for kind, path in files.items():
        _refuse_folder(f"--{kind}", path)
    shown = Shown(by, top, depth)
    others: dict[str, Any] = {"--warmup": warmup, "--device": device, "--processes": processes}
    others |= {"--reference": reference, "--baseline": baseline, "--program": program}
    others |= {"--option": option, "--budget": budget, "--levers": levers}
    check_flags(engine_profile, shown, others)
    screen = screen_of(ctx)
    if engine_profile:
        asked = {**given, "runners": runner, "skip_unavailable": skip_unavailable}
        raise typer.Exit(profile_engines(screen, target, asked, shown, files))
    with screen.working() as notify:
        from oxidizedvision.benchmark import BenchmarkOptions
        from oxidizedvision.benchmark import benchmark as work

        before = _baseline(baseline)
        limits = _limits(budget)
        options = {key: value for key, value in {**given, **more}.items() if value is not None}
        report = work(
            target,
            runners=runner,
            options=BenchmarkOptions(**options),
            program=program,
            skip_unavailable=skip_unavailable,
            budget=limits,
            notify=notify,
        )
        _write(report, files)
        comparison = _compared(report, before)
    places: list[View] = [Facts([(kind, str(path)) for kind, path in files.items()])]
    views = [*report_views(report), *(places if files else [])]
    if comparison is None:
        screen.show(report, *views)
        raise typer.Exit(report.exit_code)
    document = {**to_plain(report), "baseline": to_plain(comparison)}
    screen.show(document, *views, *diff.report_views(comparison))
    raise typer.Exit(report.exit_code or comparison.exit_code)


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


def counts(flag: str, text: str | None) -> int | tuple[int, ...] | None:
    """One count, or the counts of a sweep, from `4` or `1,4,8`.

    Raises:
        OxidizedVisionError: `usage` for what is neither.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(map(_is_count, parts)):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{flag} {text!r} is no count and no list of counts",
            f"Give whole numbers from 1 on, as {flag} 4, or {flag} 1,4,8 for a sweep.",
        )
    values = tuple(dict.fromkeys(int(part) for part in parts))
    return values[0] if len(values) == 1 else values


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0


def _seconds(timeout: float | None) -> float | None:
    if timeout is not None and not (math.isfinite(timeout) and timeout > 0):
        raise OxidizedVisionError(
            Kind.USAGE, f"--timeout cannot be {timeout:g}", "Give seconds above 0."
        )
    return timeout


def _refuse_folder(flag: str, path: Path) -> None:
    """Notice before the measurement, not after it, that a file cannot stand there."""
    if path.is_dir():
        raise OxidizedVisionError(
            Kind.USAGE, f"{flag} {path} is a folder", "Give the name of a file in it."
        )
    folder = make_folder(path.parent)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OxidizedVisionError(
            Kind.FILE_SYSTEM,
            f"{flag} {path} cannot be written",
            "Check permissions, or choose another folder.",
        )


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
