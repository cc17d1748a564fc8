"""What a budget and a benchmark come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oxidizedvision.core.errors import ExitCode

Plain = Mapping[str, Any]

_WORDS = {
    "latency_ms": ("latency", "ms"),
    "first_result_ms": ("first result", "ms"),
    "size_mb": ("size", "MB"),
    "peak_mib": ("peak memory", "MiB"),
}


@dataclass(frozen=True)
class BudgetFigure:
    """A candidate's figure for one limit.

    limit: the key in the config. value: None where it was not measured. kept: whether it is within
    what is allowed. within_noise: whether its confidence interval holds the limit, or is not known,
    so that another measurement may say otherwise. share: of what is allowed, above 1 is too much.
    """

    limit: str
    allowed: float
    candidate: str
    value: float | None
    kept: bool
    within_noise: bool
    share: float | None

    @property
    def words(self) -> str:
        """The figure against its limit, as a sentence without its end."""
        what, unit = _WORDS[self.limit]
        if self.value is None or self.share is None:
            return f"{what} of {self.candidate} is not known, {self.allowed:g} {unit} are allowed"
        noise = ", within its noise" if self.within_noise else ""
        if self.kept:
            room = f"{(1 - self.share) * 100:.1f} % of room{noise}"
            return f"{what} {self.value:.4g} of {self.allowed:g} {unit}, {room}"
        over = self.value - self.allowed
        return (
            f"{what} {self.value:.4g} {unit} is {over:.3g} {unit} ({(self.share - 1) * 100:.1f} %) "
            f"beyond the {self.allowed:g} {unit} allowed{noise}"
        )


@dataclass(frozen=True)
class LeverFigure:
    """A figure without a lever and with it; None where it was not measured.

    limit: the key in the config. helped: whether it is smaller by more than its floor.
    """

    limit: str
    before: float | None
    after: float | None
    helped: bool

    @property
    def words(self) -> str:
        """Both, as a phrase."""
        what, unit = _WORDS[self.limit]
        return f"{what} {_number(self.before)} to {_number(self.after)} {unit}"


@dataclass(frozen=True)
class Lever:
    """Something that was tried to keep a limit.

    tried: what. figure: what it came to, in words. helped: whether a figure became smaller by more
    than its floor. candidate: the name of its row; empty where it has none. figures: those that it
    was tried for. keeps: whether its row keeps every limit. how: how to get it. refused: why its
    figures do not count; empty where they do.
    """

    tried: str
    figure: str
    helped: bool
    candidate: str = ""
    figures: tuple[LeverFigure, ...] = ()
    keeps: bool = False
    how: str = ""
    refused: str = ""

    @property
    def words(self) -> str:
        """What became of it, as a sentence without its end."""
        if self.refused:
            return f"tried {self.tried}: refused, {self.refused}"
        outcome = "" if self.helped else ", which did not help"
        outcome = ", which keeps the budget" if self.keeps else outcome
        return f"tried {self.tried}: {self.figure}{outcome}"


@dataclass(frozen=True)
class BudgetReport:
    """A budget and what was measured.

    kept: whether one candidate keeps every limit that could be checked. candidate: that one; where
    none does the nearest, whose worst limit is missed by the least; None where there is none.
    limits: for each limit the candidate that is best at it. figures: those of `candidate`.
    unchecked: limits that nothing was measured for. left_out: candidates that failed their last
    validation, which therefore keep no budget. levers: what was tried to keep it. kept_with: the
    candidate that keeps it with a lever, where none does as configured.
    """

    kept: bool
    candidate: str | None
    limits: tuple[BudgetFigure, ...]
    figures: tuple[BudgetFigure, ...]
    unchecked: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    levers: tuple[Lever, ...] = ()
    kept_with: str | None = None

    @property
    def sure(self) -> bool:
        """Whether it is kept, and no interval says that it may not be."""
        return self.kept and not any(figure.within_noise for figure in self.figures)

    @property
    def exit_code(self) -> ExitCode:
        """3 where it is broken, else 0."""
        return ExitCode.DONE if self.kept else ExitCode.CHECK_FAILED

    @property
    def words(self) -> str:
        """The verdict as a sentence."""
        if self.candidate is None:
            nobody = "The budget is broken: no candidate was measured and passed its validation."
            return f"{nobody} {self._way_out}".rstrip()
        if self.kept and not self.figures:
            return "The budget could not be checked: nothing that it limits was measured."
        told = [figure for figure in self.figures if self.kept or not figure.kept]
        text = "; ".join(figure.words for figure in told)
        if not self.kept:
            nearest = f"The budget is broken. The nearest is {self.candidate}: {text}."
            return f"{nearest} {self._way_out}".rstrip()
        surely = "surely kept" if self.sure else "kept, within noise,"
        return f"The budget is {surely} by {self.candidate}: {text}."

    @property
    def _way_out(self) -> str:
        """Which lever keeps it and how to get that; empty where none does."""
        if self.kept_with is None:
            return ""
        found = [lever.how for lever in self.levers if lever.candidate == self.kept_with]
        how = f": {found[0]}" if found and found[0] else ""
        return f"It would be kept with {self.kept_with}{how}."


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"


def budget_from(document: Plain | None) -> BudgetReport | None:
    """The report that `to_plain` made a document of.

    Raises:
        ValueError: for what is no such document.
    """
    from pydantic import TypeAdapter

    return None if document is None else TypeAdapter(BudgetReport).validate_python(document)


def levers_from(documents: Any) -> tuple[Lever, ...]:
    """What was tried, as `budget_from`; nothing where a document says nothing.

    Raises:
        ValueError: for what is no such list.
    """
    from pydantic import TypeAdapter

    return TypeAdapter(tuple[Lever, ...]).validate_python(documents or ())
