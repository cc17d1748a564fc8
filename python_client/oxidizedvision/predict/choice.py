"""`--runner auto`: the engine and the threads of a choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import DEFAULT_GOAL
from oxidizedvision.core.results import Notify
from oxidizedvision.predict.settings import EngineSettings
from oxidizedvision.runners.target import resolve


def chosen_by_auto(
    model: Path, settings: EngineSettings, goal: str | None, notify: Notify
) -> tuple[Path, str, EngineSettings, str]:
    """The file, the engine's name, the settings with its threads, and the choice in one line.

    The file is what was given, unless another precision than the newest file's was chosen.

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
    if choice.file and choice.file != where.model.name:
        model = where.folder / choice.file
    return model, choice.runner, replace(settings, threads=choice.threads), choice.line
