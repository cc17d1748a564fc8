"""`--runner auto`: the engine and the threads of a choice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import DEFAULT_GOAL
from oxidizedvision.core.results import Notify
from oxidizedvision.predict.settings import EngineSettings
from oxidizedvision.runners.target import resolve


@dataclass(frozen=True)
class Chosen:
    """What runs, and why.

    settings: with the threads of the choice. line: the choice in one line. file: the model's file
    in place of the newest one, where another precision was chosen.
    """

    runner: str
    settings: EngineSettings
    line: str
    file: Path | None


def chosen_by_auto(
    model: Path, settings: EngineSettings, goal: str | None, notify: Notify
) -> Chosen:
    """What `choose` finds best here for a model.

    Raises:
        OxidizedVisionError: `usage` for settings that belong to one engine; and as `choose`.
    """
    from oxidizedvision.auto import ChooseOptions, choose

    if settings.options or settings.precision != "fp32":
        raise OxidizedVisionError(
            Kind.USAGE,
            "auto chooses among engines in the precision of the model's file and with no options",
            "Name a runner, or leave precision and options out.",
        )
    options = ChooseOptions(device=settings.device, threads=settings.threads)
    choice = choose(model, goal=goal or DEFAULT_GOAL, options=options, notify=notify)
    where = resolve(model)
    is_another = choice.file and choice.file != where.model.name
    return Chosen(
        runner=choice.runner,
        settings=replace(settings, threads=choice.threads),
        line=choice.line,
        file=where.folder / choice.file if is_another else None,
    )
