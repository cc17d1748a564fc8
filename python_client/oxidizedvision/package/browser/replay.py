"""The goldens through the very files that are shipped, in Node."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from oxidizedvision.core import wasm
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.package.browser.engine import ENGINES, runner_of
from oxidizedvision.package.browser.folder import MODEL, MODULES
from oxidizedvision.package.kind import Job
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.target import UNAVAILABLE_KINDS, resolve
from oxidizedvision.runners.wasm import load
from oxidizedvision.validate.replay import Goldens


def prove(folder: Path, job: Job, engine: str) -> None:
    """Load the shipped model in the shipped module and compare it with PyTorch's answers.

    Raises:
        OxidizedVisionError: `check_failed` where it gives others; the engine's own kind where it
            does not load the model, with the engines that do.
    """
    name = runner_of(engine)
    config = RunnerConfig((folder / MODEL).read_bytes(), name=job.subject.model.name)
    load_shipped = partial(load, name, config, folder=folder / MODULES / engine)
    try:
        load_shipped().close()
    except OxidizedVisionError as error:
        if error.kind in UNAVAILABLE_KINDS:
            raise
        raise _refused(engine, config, error) from error
    reason = Goldens(resolve(job.subject.model)).difference(name, config, load=load_shipped)
    if reason:
        raise OxidizedVisionError(
            Kind.CHECK_FAILED,
            f"{job.subject.model.name} in {name} does not give PyTorch's answers: {reason}. "
            "Nothing was written",
            f"`oxidizedvision validate MODEL --runner {name}` shows every output; try another "
            "--engine.",
        )


def _refused(engine: str, config: RunnerConfig, error: OxidizedVisionError) -> OxidizedVisionError:
    able = [name for name in ENGINES if name != engine and _loads(name, config)]
    others = (
        f"Engines that load it: {', '.join(able)}."
        if able
        else "No other module that is built here loads it; `oxidizedvision backends --model MODEL` "
        "tells what runs it outside a browser."
    )
    return OxidizedVisionError(
        error.kind, f"{engine} cannot be the engine of this page: {error.message}", others
    )


def _loads(engine: str, config: RunnerConfig) -> bool:
    if not wasm.has_module(engine):
        return False
    try:
        runner: Runner = load(runner_of(engine), config)
    except OxidizedVisionError:
        return False
    runner.close()
    return True
