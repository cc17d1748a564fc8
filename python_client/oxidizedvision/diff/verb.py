"""`diff`: two results, figure by figure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.results import to_plain
from oxidizedvision.diff.accuracy import accuracy_differences
from oxidizedvision.diff.figures import Context, row_differences, size_differences
from oxidizedvision.diff.machines import machine_notes
from oxidizedvision.diff.notes import notes
from oxidizedvision.diff.reading import read_target, side_of
from oxidizedvision.diff.report import (
    SCHEMA_VERSION,
    Difference,
    DiffOptions,
    DiffReport,
)
from oxidizedvision.diff.sides import Side, paired

if TYPE_CHECKING:
    from oxidizedvision.benchmark.report import BenchmarkReport

__all__ = ["against", "diff", "read_side"]


def diff(a: str | Path, b: str | Path, *, options: DiffOptions | None = None) -> DiffReport:
    """Compare the figures of two results, and say whether the later one is worse.

    Each is a registered model (a tag, a name, `NAME@VERSION` or the first digits of its id), a
    manifest, the `report.json` of `run`, or the JSON of `benchmark --json`. What counts as worse is
    told in `oxidizedvision.diff.judge`: a change beyond max(floor, k × its own noise). Accuracy is
    held to the validation's tolerance: an error that grew and still passes is only told.

    Args:
        a: The earlier one.
        b: The later one.
        options: Floors, k, metrics; see `DiffOptions`.

    Raises:
        OxidizedVisionError: `usage` for options without a meaning, `not_found`, `corrupt` for a
            file that is none of these, `unsupported` for one of a newer version. A regression is
            not an error: see `passed` and `exit_code`.
    """
    checked = (options or DiffOptions()).checked()
    return compared(read_side(a), read_side(b), checked)


def against(
    report: BenchmarkReport, baseline: str | Path | Side, *, options: DiffOptions | None = None
) -> DiffReport:
    """Compare a benchmark that was just made with an earlier result.

    Args:
        report: The later side.
        baseline: The earlier side, as `diff` takes it; or what `read_side` gave before the
            benchmark wrote its figures into the same manifest.
        options: As in `diff`.

    Raises:
        OxidizedVisionError: as `diff`.
    """
    checked = (options or DiffOptions()).checked()
    before = baseline if isinstance(baseline, Side) else read_side(baseline)
    return compared(before, side_of(to_plain(report), "this benchmark"), checked)


def read_side(target: str | Path) -> Side:
    """Read one side, which `against` takes.

    Raises:
        OxidizedVisionError: as `diff`.
    """
    return read_target(target)


def compared(a: Side, b: Side, options: DiffOptions) -> DiffReport:
    """The comparison of two sides by checked options."""
    metrics = options.metrics or ()
    elsewhere = machine_notes(a, b)
    context = Context(
        floors=options.floors,
        k=options.k,
        same=max(a.floor or 0.0, b.floor or 0.0),
        decides=options.across_machines or not elsewhere,
        across_machines=options.across_machines,
        failures=b.failures,
    )
    differences = [row for row in _differences(a, b, context) if row.metric in metrics]
    differences.sort(key=lambda row: metrics.index(row.metric))
    count = sum(row.before is not None and row.after is not None for row in differences)
    return DiffReport(
        schema_version=SCHEMA_VERSION,
        a=a.summary,
        b=b.summary,
        passed=count > 0 and not any(row.regression for row in differences),
        compared=count,
        same_machine=not elsewhere,
        k=options.k,
        floors=options.floors,
        metrics=metrics,
        notes=notes(a, b, options, differences),
        differences=tuple(differences),
    )


def _differences(a: Side, b: Side, context: Context) -> Iterable[Difference]:
    pairs = paired(a, b)
    for before, after in pairs:
        yield from row_differences(before, after, context)
    yield from size_differences(a, b, pairs, context)
    yield from accuracy_differences(a, b, context.floors["accuracy"])
