"""The flags of `oxidizedvision benchmark`, and what they ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oxidizedvision.core.errors import Kind, OxidizedVisionError

if TYPE_CHECKING:
    from oxidizedvision.benchmark import BenchmarkOptions

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


@dataclass(frozen=True)
class BenchmarkAsked:
    """What a benchmark, or a profile of the engines in its place, was asked for.

    program, budget, baseline: of a benchmark alone; an executable, a config and a result, each as
    the flag of that name takes it.
    """

    target: Path
    runners: list[str] | None
    options: BenchmarkOptions
    skip_unavailable: bool
    program: Path | None = None
    budget: Path | None = None
    baseline: str | None = None


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


def seconds(flag: str, value: float | None) -> float | None:
    """The seconds that a flag gives.

    Raises:
        OxidizedVisionError: `usage` for what is no time to wait.
    """
    if value is not None and not (math.isfinite(value) and value > 0):
        raise OxidizedVisionError(
            Kind.USAGE, f"{flag} cannot be {value:g}", "Give seconds above 0."
        )
    return value
