"""One model that is to be served: its file, its engine, and what `auto` chose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import AUTO, DEFAULT_GOAL
from oxidizedvision.core.results import Notify
from oxidizedvision.runners.native import MODULES
from oxidizedvision.runners.table import engine_named, readers
from oxidizedvision.serve.options import ServeOptions
from oxidizedvision.serve.target import find_model, split_name, target_of


@dataclass(frozen=True)
class ModelToServe:
    """A manifest or a model's file, and how it is run.

    runner, device, threads: None leaves them to the server's settings. name: what it is served by,
    where that is not the model's own. chosen: what `auto` chose, in one line.
    """

    file: Path
    runner: str | None
    device: str | None
    threads: int | None
    name: str | None = None
    chosen: str = ""


def model_to_serve(given: str | Path, wanted: ServeOptions, notify: Notify) -> ModelToServe:
    """Find a model, given as MODEL or `NAME=MODEL`, and its engine.

    Raises:
        OxidizedVisionError: `not_found`, `usage`; with `auto` as `choose`.
    """
    name, given = split_name(given)
    return replace(_found(find_model(given), wanted, notify), name=name)


def _found(model: Path, wanted: ServeOptions, notify: Notify) -> ModelToServe:
    if wanted.runner is None:
        return ModelToServe(model, None, wanted.device, wanted.threads)
    if wanted.runner == AUTO:
        return _chosen_by_auto(model, wanted, notify)
    engine = engine_named(wanted.runner)
    reading = [name for name in readers(model) if name in MODULES]
    if reading and engine.name not in reading:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{engine.name} does not read {model.name}",
            f"Give the manifest where there is one, or an engine that does: {', '.join(reading)}.",
        )
    device = wanted.device or engine.default_device
    return ModelToServe(model, engine.name, device, wanted.threads)


def _chosen_by_auto(model: Path, wanted: ServeOptions, notify: Notify) -> ModelToServe:
    """The engine, the threads and the file of a choice that was kept, or is made now."""
    from oxidizedvision.auto import ChooseOptions, choose

    if wanted.options or wanted.precision not in (None, "fp32"):
        raise OxidizedVisionError(
            Kind.USAGE,
            "auto chooses among engines in the precision of the model's file and with no options",
            "Name a runner, or leave precision and options out.",
        )
    where = target_of(model)
    if where is None:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"auto cannot choose for {model.name}: no manifest lists it",
            "Name a runner that reads TorchScript, or give the manifest.",
        )
    asked = where.manifest_path if model.suffix == ".pt" and where.manifest_path else model
    options = ChooseOptions(device=wanted.device, threads=wanted.threads)
    choice = choose(asked, goal=wanted.goal or DEFAULT_GOAL, options=options, notify=notify)
    file = asked
    if choice.file and choice.file != where.model.name:
        file = where.folder / choice.file
    return ModelToServe(file, choice.runner, choice.device, choice.threads, chosen=choice.line)
