"""`oxidizedvision benchmark --engine-profile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from oxidizedvision.cli.benchmark_flags import BenchmarkAsked
from oxidizedvision.cli.missing import unavailable_views
from oxidizedvision.cli.render import Screen, Table, View
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import to_plain

if TYPE_CHECKING:
    from oxidizedvision.benchmark.engine_profile import EngineProfile
    from oxidizedvision.benchmark.engine_profile.report import Grouping

EngineProfileFlag = Annotated[
    bool,
    typer.Option(
        "--engine-profile",
        help="In place of a benchmark: where the time of a run goes in each engine.",
    ),
]
ByFlag = Annotated[
    Literal["operator", "module"] | None,
    typer.Option(help="With --engine-profile: one table alone, by ONNX operator or by nn.Module."),
]
TopFlag = Annotated[
    int | None,
    typer.Option(min=1, help="With --engine-profile: rows of a table, the largest; 20 if absent."),
]
DepthFlag = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="With --engine-profile: rows of modules sum what is below so many parts of a path.",
    ),
]
_ALONE = "--engine-profile"


@dataclass(frozen=True)
class Shown:
    """What of a profile is shown; None where not given."""

    by: Grouping | None = None
    top: int | None = None
    depth: int | None = None


def check_flags(engine_profile: bool, shown: Shown, benchmark: Mapping[str, Any]) -> None:
    """Refuse flags that have no meaning together.

    Args:
        engine_profile: Whether it was asked for.
        shown: What has a meaning with it only.
        benchmark: The values of flags that have none with it, by name.

    Raises:
        OxidizedVisionError: `usage`.
    """
    if not engine_profile:
        alone = {"--by": shown.by, "--top": shown.top, "--depth": shown.depth}
        if flag := _first_given(alone):
            raise OxidizedVisionError(
                Kind.USAGE, f"{flag} has a meaning with {_ALONE} only", f"Add {_ALONE}."
            )
        return
    if flag := _first_given(benchmark):
        raise OxidizedVisionError(
            Kind.USAGE, f"{flag} has no meaning with {_ALONE}", f"Leave out {flag} or {_ALONE}."
        )
    if shown.by == "operator" and shown.depth is not None:
        raise OxidizedVisionError(
            Kind.USAGE, "--depth is about modules, not about operators", "Use --by module."
        )


def one_count(flag: str, value: int | Sequence[int] | None) -> int | None:
    """The one count that a profile takes.

    Raises:
        OxidizedVisionError: `usage` for a sweep.
    """
    if value is not None and not isinstance(value, int):
        raise OxidizedVisionError(
            Kind.USAGE, f"{_ALONE} takes one count of {flag}", f"Give {flag} one number."
        )
    return value


def profile_engines(
    screen: Screen, asked: BenchmarkAsked, shown: Shown, files: Mapping[str, Path]
) -> int:
    """Profile, write the files, show the tables; gives the exit code.

    Args:
        screen: Where it is shown.
        asked: The model, and the options of a benchmark that have a meaning here.
        shown: Those of the profile.
        files: The files to write, by kind.

    Raises:
        OxidizedVisionError: `usage` for a sweep, else as `engine_profile`.
    """
    given = asked.options
    threads = one_count("--threads", given.threads)
    batch_size = one_count("--batch-size", given.batch_size)
    runs = {} if given.iters is None else {"runs": given.iters}
    with screen.working() as notify:
        from oxidizedvision.benchmark.engine_profile import EngineProfileOptions, engine_profile

        report = engine_profile(
            asked.target,
            runners=asked.runners,
            options=EngineProfileOptions(
                threads=threads or EngineProfileOptions.threads,
                batch_size=batch_size,
                timeout_s=given.timeout_s,
                shapes=given.shapes,
            ),
            skip_unavailable=asked.skip_unavailable,
            notify=notify,
            **runs,
        )
        _write(report, shown, files)
    rows = {"operators": report.by_operator(), "modules": report.by_module(shown.depth)}
    places = [f"{kind}: {path}" for kind, path in files.items()]
    screen.show({**to_plain(report), **to_plain(rows)}, *report_views(report, shown), *places)
    return report.exit_code


def report_views(report: EngineProfile, shown: Shown) -> list[View]:
    """The tables, what to know about them, and the engines that are in none."""
    from oxidizedvision.benchmark import words
    from oxidizedvision.benchmark.engine_profile import tables

    groupings = _groupings(shown)
    views: list[View] = []
    for by in groupings:
        table = tables.side_table(report, by, top=shown.top or tables.TOP, depth=shown.depth)
        if table is not None:
            views += [
                Table(table.columns, table.rows, table.title, numbers_from=table.numbers_from),
                "",
            ]
    views += tables.sentences(report, groupings)
    views.append(words.machine_text(report.machine))
    for row in report.failures:
        views += [f"{row.runner} failed: {row.message}"]
        views += [f"hint: {row.hint}"] if row.hint else []
    if report.untold and not report.engines:
        views.append("hint: `--runner tract`, ort or openvino can tell.")
    return [*views, *unavailable_views(report.unavailable)]


def _groupings(shown: Shown) -> tuple[Grouping, ...]:
    from oxidizedvision.benchmark.engine_profile.report import GROUPINGS

    return (shown.by,) if shown.by else GROUPINGS


def _write(report: EngineProfile, shown: Shown, files: Mapping[str, Path]) -> None:
    from oxidizedvision.benchmark.engine_profile import tables, write_csv

    if "html" in files:
        from oxidizedvision.report.engine_profile import write_html

        write_html(
            report,
            files["html"],
            by=_groupings(shown),
            top=shown.top or tables.TOP,
            depth=shown.depth,
        )
    if "csv" in files:
        write_csv(report, files["csv"], depth=shown.depth)


def _first_given(flags: Mapping[str, Any]) -> str | None:
    return next((flag for flag, value in flags.items() if value is not None), None)
