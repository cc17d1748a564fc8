"""`backends --model`: a model in every engine that reads it, each in a process of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from oxidizedvision.config import Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import Manifest, find_manifest, load_manifest
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.oneshot import ask_apart, config_fields
from oxidizedvision.runners.request import checked_file, granted_threads
from oxidizedvision.runners.table import ENGINES, Engine
from oxidizedvision.runners.target import resolve
from oxidizedvision.trial.report import Trial, TrialReport
from oxidizedvision.trial.worker import TrialRequest
from oxidizedvision.validate.goldens import load_goldens

_WORKER = "oxidizedvision.trial.worker"


@dataclass(frozen=True)
class _Candidate:
    engine: Engine
    runner_config: RunnerConfig
    config: Config | None = None

    def in_each_precision(self) -> list[_Candidate]:
        """One candidate for each precision that the engine can be asked for."""
        if not self.engine.check().ready:
            return [self]
        return [
            replace(self, runner_config=replace(self.runner_config, precision=precision))
            for precision in self.engine.precisions()
        ]


@dataclass(frozen=True)
class _Subject:
    """A model: what to load into which engine, and the goldens to compare with."""

    name: str
    candidates: tuple[_Candidate, ...]
    manifest: Manifest | None
    goldens: Path | None


def try_backends(
    model: str | Path, *, timeout_s: float = 120.0, notify: Notify = silent
) -> TrialReport:
    """Load and run a model in every engine that reads it, in every precision that it can choose.

    Each engine has a process of its own: what ends one does not end the others. Inputs are the
    goldens of the model's manifest, else seeded random numbers.

    Args:
        model: An .onnx, a .pt, a manifest or a config (every file that it lists), or a packaged
            executable.
        timeout_s: How long one engine may take.
        notify: Told which engine is being tried.

    Raises:
        OxidizedVisionError: when there is no such model, or its manifest or goldens are broken.
            An engine that cannot load or run it is a row.
    """
    subject = _subject(Path(model))
    if subject.goldens is not None:
        load_goldens(subject.goldens)
    rows = []
    for engine in subject.candidates:
        for candidate in engine.in_each_precision():
            notify(f"trying {candidate.engine.name} in {candidate.runner_config.precision}")
            rows.append(_tried(subject, candidate, timeout_s))
    return TrialReport(subject.name, tuple(rows))


def _subject(model: Path) -> _Subject:
    if model.suffix == ".pt" or _is_program(model):
        return _of_file(model)
    where = resolve(model)
    single = where.model if model.suffix == ".onnx" else None
    candidates = []
    for engine in ENGINES:
        live = where.config if engine.name == "pytorch" else None
        readable = "onnx" in engine.formats or (single is None and "pt" in engine.formats)
        if live is not None or readable:
            file = where.runner_config(engine.name)
            runner_config = replace(file, model=single or file.model)
            candidates.append(_Candidate(engine, runner_config, live))
    return _Subject(
        where.name, tuple(candidates), where.manifest, _goldens(where.manifest, where.folder)
    )


def _is_program(model: Path) -> bool:
    known = {f".{ending}" for engine in ENGINES for ending in engine.formats if ending}
    is_other = model.suffix in {*known, ".yaml", ".json"}
    return not is_other and model.is_file() and os.access(model, os.X_OK)


def _of_file(model: Path) -> _Subject:
    ending = "pt" if model.suffix == ".pt" else ""
    path = find_manifest(checked_file(model))
    manifest = load_manifest(path) if path else None
    readers = [engine for engine in ENGINES if ending in engine.formats]
    candidates = tuple(
        _Candidate(engine, RunnerConfig(model, device=engine.default_device)) for engine in readers
    )
    return _Subject(model.name, candidates, manifest, _goldens(manifest, model.parent))


def _goldens(manifest: Manifest | None, folder: Path) -> Path | None:
    if manifest is None:
        return None
    path = folder / manifest.goldens.file
    return path if path.is_file() else None


def _tried(subject: _Subject, candidate: _Candidate, timeout_s: float) -> Trial:
    name = candidate.engine.name
    state = candidate.engine.check()
    if not state.ready:
        word = "not built into this version" if state.status == "not_built" else "not installed"
        return Trial(name, "unavailable", reason=word, hint=state.hint)
    precision = candidate.runner_config.precision
    try:
        answer = ask_apart(_request(subject, candidate), timeout_s, worker=_WORKER)
    except OxidizedVisionError as error:
        return Trial(name, "no_answer", precision, reason=error.message, hint=error.hint)
    try:
        return Trial(**answer)
    except TypeError as error:
        raise OxidizedVisionError(
            Kind.INTERNAL,
            f"The process that tries {name} gave an answer that is not understood: {error}",
            "Please report it with what --verbose shows.",
        ) from error


def _request(subject: _Subject, candidate: _Candidate) -> TrialRequest:
    runner_config, live, manifest = candidate.runner_config, candidate.config, subject.manifest
    return TrialRequest(
        runner=candidate.engine.name,
        model=str(runner_config.model),
        shapes=manifest.input_shapes if manifest else {},
        device=runner_config.device,
        threads=granted_threads(),
        optimize=runner_config.optimize,
        **config_fields(live),
        precision=runner_config.precision,
        goldens=str(subject.goldens) if subject.goldens else None,
        mae=manifest.tolerance.mae if manifest else 0.0,
        cosine_similarity=manifest.tolerance.cosine_similarity if manifest else 1.0,
    )
