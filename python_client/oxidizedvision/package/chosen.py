"""The engine of a crate, and who chose it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.core.results import Notify

if TYPE_CHECKING:
    from oxidizedvision.auto import Choice


@dataclass(frozen=True)
class ChosenEngine:
    """An engine, why it is that one, and what `auto` chose where it was asked."""

    engine: str
    reason: str
    choice: Choice | None = None

    @property
    def threads(self) -> int | None:
        """Those of the program where it is not told otherwise; None leaves it to the engine."""
        return self.choice.threads if self.choice else None

    @property
    def evidence(self) -> dict[str, dict[str, Any]]:
        """The choice as manifests hold it; empty where `auto` did not choose."""
        if self.choice is None:
            return {}
        from oxidizedvision.auto.keep import stored

        return stored(self.choice)


def chosen_by_auto(model: Path, engines: Sequence[str], goal: str, notify: Notify) -> ChosenEngine:
    """What wins for a goal among the engines that a crate can be made for.

    Raises:
        OxidizedVisionError: as `choose`.
    """
    from oxidizedvision.auto import ChooseOptions, choose

    choice = choose(model, goal=goal, options=ChooseOptions(engines=engines), notify=notify)
    return ChosenEngine(choice.runner, choice.line, choice)
