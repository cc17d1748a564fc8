"""The kind `program`: a model as a Rust crate of its own, around one program."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.core.crates import MARK
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_size, sha256_of
from oxidizedvision.core.goals import AUTO, DEFAULT_GOAL, refuse_goal
from oxidizedvision.package.build import build_program, lock_to_content
from oxidizedvision.package.chosen import ChosenEngine, chosen_by_auto
from oxidizedvision.package.kind import Job, Made, PackageKind
from oxidizedvision.package.names import crate_name
from oxidizedvision.package.place import placed
from oxidizedvision.package.record import forget_package
from oxidizedvision.package.seal import Sealed, seal_folder
from oxidizedvision.package.sources import copy_runtime, workspace_document
from oxidizedvision.package.subject import Subject
from oxidizedvision.package.template import GOLDENS, CrateTemplate, carried_name
from oxidizedvision.runners.prepared import is_prepared
from oxidizedvision.runners.table import readers


@dataclass(frozen=True)
class Engine:
    """What a generated crate needs to know of an engine."""

    crate: str
    runner: str


ENGINES: Mapping[str, Engine] = {
    "tract": Engine("runner_tract", "TractRunner"),
    "rten": Engine("runner_rten", "RtenRunner"),
}
"""The engines that a crate can be made for, in the order of preference."""


class ProgramKind(PackageKind):
    """A crate with model, goldens, manifest and the sources of the runtime crates."""

    name = "program"
    suffix = "crate"
    marks = (MARK, "Cargo.toml")

    def name_of(self, name: str) -> str:
        return crate_name(name)

    def choose(self, job: Job) -> ChosenEngine:
        return _chosen(job)

    def make(self, job: Job, chosen: ChosenEngine) -> Made:
        subject = job.subject
        job.notify(f"loading {subject.model.name} in {chosen.engine}")
        subject.check_loads(chosen.engine)
        job.notify("writing the crate")
        with placed(job.folder) as staging:
            template = CrateTemplate(job.name, chosen, ENGINES[chosen.engine])
            _write(staging, template, subject)
            _copy_artifacts(staging, subject, chosen)
            lock_to_content(staging)
            says = Sealed(
                "program",
                job.name,
                chosen.engine,
                carried_name(subject.model),
                GOLDENS,
                MARK,
                threads=chosen.threads,
            )
            seal_folder(staging, says)
            forget_package(subject.manifest_path, job.folder)
        executable = build_program(job.folder, job.name, notify=job.notify) if job.build else None
        size = file_size(executable or subject.model)
        return Made(sha256_of(job.folder / carried_name(subject.model)), size, executable)


def refuse_engine(engine: str) -> None:
    """Refuse an engine that no crate can be made for.

    Raises:
        OxidizedVisionError: `usage`, with the engines that there are.
    """
    if engine not in ENGINES:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"A crate cannot be made for engine {engine!r}",
            f"Choose one of: {', '.join(ENGINES)}.",
        )


def _engine_of_prepared(engine: str | None, goal: str | None, model: Path) -> ChosenEngine:
    """The engine that a model was prepared for.

    Raises:
        OxidizedVisionError: `usage` where that is another one, or one without crates.
    """
    refuse_goal(goal)
    able = [name for name in readers(model) if name in ENGINES]
    if not able:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"A crate cannot carry {model.name}: crates are made for {', '.join(ENGINES)}, and "
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


def _chosen(job: Job) -> ChosenEngine:
    """The engine that is asked for, that a prepared model is for, or the best that is known."""
    subject, engine, goal = job.subject, job.engine, job.goal
    if is_prepared(subject.model):
        return _engine_of_prepared(engine, goal, subject.model)
    if engine == AUTO:
        model = subject.model if job.given.suffix == ".onnx" else subject.manifest_path
        return chosen_by_auto(model, tuple(ENGINES), goal or DEFAULT_GOAL, job.notify)
    refuse_goal(goal)
    if engine is not None:
        refuse_engine(engine)
        return ChosenEngine(engine, "asked for")
    measured = [
        (row["p50_ms"], row["runner"])
        for row in (subject.manifest.benchmark or {}).get("results", [])
        if row["runner"] in ENGINES and not row.get("lever")
    ]
    if measured:
        p50, fastest = min(measured)
        reason = f"the fastest in the manifest's benchmark: {p50:.2f} ms at the median"
        return ChosenEngine(fastest, reason)
    first = next(iter(ENGINES))
    return ChosenEngine(first, "not asked for and never benchmarked: the first of the list")


def _write(staging: Path, template: CrateTemplate, subject: Subject) -> None:
    crates = copy_runtime(staging / "runtime", template.engine.crate)
    workspace = workspace_document(crates)
    files = template.files(workspace, subject.manifest, subject.model)
    for relative, text in files.items():
        target = staging / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _copy_artifacts(staging: Path, subject: Subject, chosen: ChosenEngine) -> None:
    """Copy model and goldens, and the manifest up to the stage that made this model."""
    manifest, model = subject.manifest, subject.model
    shutil.copyfile(model, staging / carried_name(model))
    shutil.copyfile(subject.folder / manifest.goldens.file, staging / GOLDENS)
    subject.carried_manifest(chosen.evidence).save(staging / MARK)
