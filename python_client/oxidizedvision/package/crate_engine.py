"""The engine of a crate: named, that of a prepared file, or the best that is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import AUTO, DEFAULT_GOAL, refuse_goal
from oxidizedvision.package.chosen import ChosenEngine, chosen_by_auto
from oxidizedvision.package.engines import ALONE, ENGINES, refuse_engine
from oxidizedvision.package.kind import Job
from oxidizedvision.package.subject import Subject
from oxidizedvision.runners.prepared import is_prepared
from oxidizedvision.runners.table import readers


def choose_engine(job: Job, able: Sequence[str]) -> ChosenEngine:
    """The engine that is asked for, that a prepared model is for, or the best that is known.

    Only engines that a program carries whole are taken unasked.
    """
    subject, engine, goal = job.subject, job.engine, job.goal
    if is_prepared(subject.model):
        return _engine_of_prepared(engine, goal, subject.model, able)
    if subject.model.suffix == ".pt" and engine in (None, AUTO):
        refuse_goal(goal)
        return ChosenEngine("tch", "it alone runs TorchScript")
    if engine == AUTO:
        model = subject.model if job.given.suffix == ".onnx" else subject.manifest_path
        return chosen_by_auto(model, ALONE, goal or DEFAULT_GOAL, job.notify)
    refuse_goal(goal)
    if engine is not None:
        refuse_engine(engine, able)
        return ChosenEngine(engine, "asked for")
    measured = [
        (row["p50_ms"], row["runner"])
        for row in (subject.manifest.benchmark or {}).get("results", [])
        if row["runner"] in ALONE and not row.get("lever")
    ]
    if measured:
        p50, fastest = min(measured)
        reason = f"the fastest in the manifest's benchmark: {p50:.2f} ms at the median"
        return ChosenEngine(fastest, reason)
    return ChosenEngine(ALONE[0], "not asked for and never benchmarked: the first of the list")


def subject_for(subject: Subject, engine: str) -> Subject:
    """The model's file in the format that the engine runs.

    Raises:
        OxidizedVisionError: `usage` for a TorchScript file or a smaller precision where the engine
            runs the other format only.
    """
    wanted, model = ENGINES[engine].file_format, subject.model
    is_script = model.suffix == ".pt"
    if is_script == (wanted == "pt"):
        return subject
    if is_script:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{model.name} is TorchScript, which tch runs and {engine} does not",
            "Package the .onnx file, or use --engine tch.",
        )
    if subject.manifest.precision_of(model.name) != "fp32":
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{model.name} is of a smaller precision, and tch runs the TorchScript file only",
            "Package the .pt file, or use another engine.",
        )
    return subject.chosen(subject.manifest.head("torchscript").file)


def _engine_of_prepared(
    engine: str | None, goal: str | None, model: Path, engines: Sequence[str]
) -> ChosenEngine:
    """The engine that a model was prepared for.

    Raises:
        OxidizedVisionError: `usage` where that is another one, or one without crates.
    """
    refuse_goal(goal)
    able = [name for name in readers(model) if name in engines]
    if not able:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"A crate cannot carry {model.name}: crates are made for {', '.join(engines)}, and "
            f"this was prepared for {', '.join(readers(model))}",
            "Package the .onnx file.",
        )
    if engine not in (None, *able):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{model.name} was prepared for {able[0]} and cannot be packaged for {engine}",
            f"Use {able[0]}, or package the .onnx file.",
        )
    return ChosenEngine(able[0], f"{model.name} was prepared for it")
