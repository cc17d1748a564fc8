"""`oxidizedvision diff`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.cli.flags import JsonFlag
from oxidizedvision.cli.render import Facts, Table, View, number_text, screen_of, size_text
from oxidizedvision.core.errors import Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.diff import Difference, DiffOptions, DiffReport, SideSummary

FloorFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--floor",
        metavar="METRIC=PERCENT",
        help="Change that is never a regression, such as latency=5; of accuracy the factor of the "
        "error. May be given several times.",
    ),
]
KFlag = Annotated[
    float, typer.Option("--k", min=0, help="How many times its own noise a change must be.")
]
MetricFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAMES",
        help="Only these of latency, load, first_result, memory, size and accuracy, with commas.",
    ),
]
AcrossFlag = Annotated[
    bool,
    typer.Option(
        "--across-machines",
        help="Let times and memory decide though the machines or versions differ.",
    ),
]
_SIDE = "A registered model, a manifest, a report.json or the JSON of a benchmark"
_FIGURES = {
    "p50_ms": "latency, ms",
    "load_ms": "load, ms",
    "first_result_ms": "first result, ms",
    "peak_rss_mib": "peak, MiB",
    "bytes": "size",
    "max_error": "largest error",
    "mae": "mean error",
    "passed": "validation",
}


def diff(
    ctx: typer.Context,
    a: Annotated[Path, typer.Argument(metavar="A", help=f"{_SIDE}: the earlier one.")],
    b: Annotated[Path, typer.Argument(metavar="B", help=f"{_SIDE}: the later one.")],
    metric: MetricFlag = None,
    floor: FloorFlag = None,
    k: KFlag = 2.0,
    across_machines: AcrossFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare two results, and end with 3 where the later one is worse.

    Worse is a change beyond the larger of a floor and k times the change's own noise.
    """
    del as_json
    screen = screen_of(ctx)
    with screen.working():
        from oxidizedvision.diff import diff as work

        report = work(a, b, options=options_of(metric, floor, k, across_machines=across_machines))
    screen.show(report, *report_views(report))
    raise typer.Exit(report.exit_code)


def options_of(
    metric: Sequence[str] | None, floor: Sequence[str] | None, k: float, *, across_machines: bool
) -> DiffOptions:
    """The options that the flags ask for."""
    from oxidizedvision.diff import DiffOptions

    names = [name.strip() for text in metric or () for name in text.split(",")]
    return DiffOptions(
        floors=dict(_floor(text) for text in floor or ()),
        k=k,
        metrics=names or None,
        across_machines=across_machines,
    ).checked()


def report_views(report: DiffReport) -> list[View]:
    """Both sides, every figure, what differs beside them, and the verdict."""
    sides = [("A", _side_text(report.a)), ("B", _side_text(report.b))]
    rows = [_row(row) for row in report.differences]
    bad = frozenset(index for index, row in enumerate(report.differences) if row.regression)
    columns = ("of", "what", "verdict", "A", "B", "change", "95 %", "limit")
    views: list[View] = [Facts(sides)]
    if rows:
        views.append(Table(columns, rows, bad=bad, numbers_from=3))
    views += report.notes
    views += [words(row) for row in report.differences if row.regression or row.note]
    views.append(_verdict(report))
    return views


def words(row: Difference) -> str:
    """A difference as a sentence."""
    text = f"{row.subject}: {_FIGURES[row.figure]} {_verdict_text(row)}"
    if row.before is not None and row.after is not None and row.figure != "passed":
        text += f", {_value(row, row.before)} then {_value(row, row.after)}"
    return f"{text} ({row.note})" if row.note else text


def _row(row: Difference) -> tuple[str, ...]:
    return (
        row.subject,
        _FIGURES[row.figure],
        _verdict_text(row),
        _value(row, row.before),
        _value(row, row.after),
        _change(row, row.ratio),
        "" if row.interval is None else " to ".join(_change(row, end) for end in row.interval),
        _limit(row),
    )


def _verdict_text(row: Difference) -> str:
    if row.regression:
        return f"{row.verdict}: REGRESSION"
    told = not row.decides and row.verdict in ("better", "worse")
    return f"{row.verdict} (told only)" if told else row.verdict


def _value(row: Difference, value: float | None) -> str:
    if value is None:
        return "–"
    if row.figure == "bytes":
        return size_text(int(value))
    if row.figure == "passed":
        return "pass" if value else "FAIL"
    return number_text(value, ".4g" if row.metric != "accuracy" else ".3g")


def _change(row: Difference, ratio: float | None) -> str:
    if ratio is None:
        return ""
    if not math.isfinite(ratio):
        return "∞"
    if row.metric == "accuracy":
        return f"× {ratio:.3g}"
    return f"{(ratio - 1) * 100:+.1f} %"


def _limit(row: Difference) -> str:
    if row.limit is None:
        return ""
    if row.metric == "accuracy":
        return f"× {row.limit:g}"
    return f"{row.limit * 100:.1f} %" if math.isfinite(row.limit) else "unknown"


def _side_text(side: SideSummary) -> str:
    model = f", {side.model}" if side.model else ""
    digits = f" {side.sha256[:12]}" if side.sha256 else ""
    return f"{side.source} ({side.kind}{model}{digits})"


def _verdict(report: DiffReport) -> str:
    if not report.compared:
        return "Nothing was compared: A and B have no figure in common."
    count = len(report.regressions)
    if count:
        return f"FAILED: {count} of {report.compared} figures are worse beyond their limits."
    if report.compared == 1:
        return "passed: the one figure is not worse beyond its limit."
    return f"passed: none of {report.compared} figures is worse beyond its limit."


def _floor(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    name = name.strip()
    try:
        value = float(number)
    except ValueError:
        raise OxidizedVisionError(
            Kind.USAGE, f"--floor {text} is not METRIC=NUMBER", "Write it as latency=5."
        ) from None
    if not (math.isfinite(value) and value >= 0):
        raise OxidizedVisionError(
            Kind.USAGE, f"--floor {text} is no floor", "Use a number of 0 or more."
        )
    return name, value if name == "accuracy" else value / 100
