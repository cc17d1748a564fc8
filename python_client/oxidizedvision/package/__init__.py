"""A model as a Rust crate of its own: `package`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.budget import BudgetReport, check_packaged
from oxidizedvision.core.crates import MARK, crate_files
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_size
from oxidizedvision.core.goals import AUTO, DEFAULT_GOAL, refuse_goal
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.package.build import build_program, lock_to_content
from oxidizedvision.package.chosen import ChosenEngine, chosen_by_auto
from oxidizedvision.package.names import crate_name
from oxidizedvision.package.place import check_replaceable, placed
from oxidizedvision.package.record import forget_crate, record_crate
from oxidizedvision.package.sources import copy_runtime, workspace_document
from oxidizedvision.package.subject import Subject
from oxidizedvision.package.template import CrateTemplate, carried_name
from oxidizedvision.runners.prepared import is_prepared
from oxidizedvision.runners.table import readers

if TYPE_CHECKING:
    from oxidizedvision.config import BudgetConfig

__all__ = ["ENGINES", "PackageResult", "build_program", "crate_files", "package"]


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


@dataclass(frozen=True)
class PackageResult:
    """A generated crate.

    path: the crate's folder. executable: the built program, where it was asked for.
    reason: why this engine. bytes: size of all files of the crate together. budget: the config's
    limits against what is packaged; None where it has none, or no config was given. threads: of
    the program where it is not told otherwise, where `auto` chose them.
    """

    path: Path
    name: str
    engine: str
    reason: str
    executable: Path | None
    files: tuple[str, ...]
    bytes: int
    budget: BudgetReport | None = None
    threads: int | None = None


def package(
    model: str | Path,
    *,
    output: str | Path | None = None,
    engine: str | None = None,
    name: str | None = None,
    force: bool = False,
    build: bool = False,
    goal: str | None = None,
    notify: Notify = silent,
) -> PackageResult:
    """Make a standalone Rust crate around a converted model.

    The crate holds the model, its goldens, its manifest and the sources of the runtime crates; no
    path leads out of it. Its `cargo test` compares the program with PyTorch's answers.

    Args:
        model: An `.onnx` file written by `convert` or `optimize`; or a `config.yml` or manifest,
            which stand for the newest ONNX file that was made from them; or what `prepare` wrote
            for `tract` or `rten`.
        output: The crate's folder; `<model's folder>/<name>-crate` where not given. A folder that
            is not a package of ours is never replaced.
        engine: `tract` or `rten`; `auto` for what `choose` finds best of them here, with its
            number of threads; where not given, the fastest that the manifest has evidence of.
        name: The crate's and the program's name; the model's where not given.
        force: Package a model whose content is no longer what the manifest recorded.
        build: Also build the program (`cargo build --release`).
        goal: Of `auto`, as in `choose`; None means `latency`.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `check_failed` for a changed model, `unsupported` when the engine
            cannot load it, `usage` for a bad engine, goal, name or output; with `auto` as `choose`.
    """
    given = Path(model)
    limits = _budget_in(given)
    subject = Subject.of(given)
    name = crate_name(name or subject.manifest.name)
    if not force:
        subject.check_unchanged()
    folder = Path(output) if output else subject.model.parent / f"{name}-crate"
    check_replaceable(folder)
    chosen = _chosen(given, subject, engine, goal, notify)
    if chosen.choice is not None:
        subject = subject.chosen(chosen.choice.file)
    subject.warn_of_failed_validation()
    notify(f"loading {subject.model.name} in {chosen.engine}")
    subject.check_loads(chosen.engine)
    notify("writing the crate")
    _place(folder, name, subject, chosen)
    executable = build_program(folder, name, notify=notify) if build else None
    result = _result(folder, name, subject, chosen, executable, limits)
    record_crate(subject.manifest_path, result, carried_name(subject.model))
    return result


def _place(folder: Path, name: str, subject: Subject, chosen: ChosenEngine) -> None:
    """Write the crate, and put it in place of what was in the folder."""
    with placed(folder) as staging:
        template = CrateTemplate(name, chosen, ENGINES[chosen.engine])
        _write(staging, template, subject)
        _copy_artifacts(staging, subject, chosen)
        lock_to_content(staging)
        forget_crate(subject.manifest_path, folder)


def _result(
    folder: Path,
    name: str,
    subject: Subject,
    chosen: ChosenEngine,
    executable: Path | None,
    limits: BudgetConfig | None,
) -> PackageResult:
    """What became of a crate that is in place."""
    files = crate_files(folder)
    size = file_size(executable or subject.model)
    return PackageResult(
        path=folder,
        name=name,
        engine=chosen.engine,
        reason=chosen.reason,
        executable=executable,
        files=tuple(str(path.relative_to(folder)) for path in files),
        bytes=sum(path.stat().st_size for path in files),
        budget=check_packaged(limits, subject.manifest, chosen.engine, subject.model, size),
        threads=chosen.threads,
    )


def _budget_in(target: Path) -> BudgetConfig | None:
    """The limits of a config; a model's file and a manifest have none."""
    if target.suffix not in (".yml", ".yaml") or not target.exists():
        return None
    from oxidizedvision.config import load_config

    return load_config(target).budget


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


def _chosen(
    given: Path, subject: Subject, engine: str | None, goal: str | None, notify: Notify
) -> ChosenEngine:
    """The engine that is asked for, that a prepared model is for, or the best that is known."""
    if is_prepared(subject.model):
        return _engine_of_prepared(engine, goal, subject.model)
    if engine == AUTO:
        model = subject.model if given.suffix == ".onnx" else subject.manifest_path
        return chosen_by_auto(model, tuple(ENGINES), goal or DEFAULT_GOAL, notify)
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
    shutil.copyfile(subject.folder / manifest.goldens.file, staging / "model.golden.safetensors")
    names = [stage.output.file for stage in manifest.stages]
    kept = manifest.model_copy(
        update={
            "stages": manifest.stages[: names.index(model.name) + 1],
            "tolerance": manifest.tolerance_of(model.name),
            "packages": [],
            "benchmark": None,
            "choices": chosen.evidence,
        }
    )
    kept.save(staging / MARK)
