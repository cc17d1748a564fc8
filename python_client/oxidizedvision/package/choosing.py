"""Which of the engines that a kind can have becomes a package's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import AUTO, DEFAULT_GOAL, refuse_goal
from oxidizedvision.package.chosen import ChosenEngine, chosen_by_auto
from oxidizedvision.package.kind import Job
from oxidizedvision.runners.prepared import is_prepared
from oxidizedvision.runners.table import readers


def choose_engine(job: Job, engines: Sequence[str], what: str) -> ChosenEngine:
    """The engine that is asked for, that a prepared model is for, or the best that is known.

    Args:
        job: What is to be packaged.
        engines: Those that the kind can have, in the order of preference.
        what: The kind in messages, such as "A crate".

    Raises:
        OxidizedVisionError: `usage` for an engine that the kind or the file cannot have, with
            those that it can; with `auto` as `choose`.
    """
    subject, engine, goal = job.subject, job.engine, job.goal
    if is_prepared(subject.model):
        refuse_goal(goal)
        return _engine_of_prepared(engine, subject.model, engines, what)
    if engine == AUTO:
        model = subject.model if job.given.suffix == ".onnx" else subject.manifest_path
        return chosen_by_auto(model, tuple(engines), goal or DEFAULT_GOAL, job.notify)
    refuse_goal(goal)
    if engine is not None:
        refuse_engine(engine, engines, what)
        return ChosenEngine(engine, "asked for")
    measured = [
        (row["p50_ms"], row["runner"])
        for row in (subject.manifest.benchmark or {}).get("results", [])
        if row["runner"] in engines and not row.get("lever")
    ]
    if measured:
        p50, fastest = min(measured)
        reason = f"the fastest in the manifest's benchmark: {p50:.2f} ms at the median"
        return ChosenEngine(fastest, reason)
    return ChosenEngine(engines[0], "not asked for and never benchmarked: the first of the list")


def refuse_engine(engine: str, engines: Sequence[str], what: str) -> None:
    """Refuse an engine that a kind cannot have.

    Raises:
        OxidizedVisionError: `usage`, with the engines that there are.
    """
    if engine not in engines:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{what} cannot be made for engine {engine!r}",
            f"Choose one of: {', '.join(engines)}.",
        )


def _engine_of_prepared(
    engine: str | None, model: Path, engines: Sequence[str], what: str
) -> ChosenEngine:
    """The engine that a model was prepared for."""
    able = [name for name in readers(model) if name in engines]
    if not able:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{what} cannot carry {model.name}: it can have {', '.join(engines)}, and this was "
            f"prepared for {', '.join(readers(model))}",
            "Package the .onnx file.",
        )
    if engine not in (None, *able):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{model.name} was prepared for {able[0]} and cannot be packaged for {engine}",
            f"Use {able[0]}, or package the .onnx file.",
        )
    return ChosenEngine(able[0], f"{model.name} was prepared for it")
