"""`choose`: the best engine, threads and batch for a goal, measured once and kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oxidizedvision.auto import grid
from oxidizedvision.auto.evidence import disturbance, reason_of, rows_of
from oxidizedvision.auto.forms import Entrant, Form, find_forms
from oxidizedvision.auto.goals import Goal, goal_named
from oxidizedvision.auto.keep import changes, keep, kept_choice
from oxidizedvision.auto.proof import check_files, prove, tolerance_of
from oxidizedvision.auto.report import SCHEMA_VERSION, Choice, ChooseOptions, Dropped, Question
from oxidizedvision.auto.sizes import shipped, smallest
from oxidizedvision.auto.stages import Measured, measure
from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.benchmark.report import BenchmarkResult
from oxidizedvision.config import Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.goals import DEFAULT_GOAL
from oxidizedvision.core.results import Notify, silent, to_plain
from oxidizedvision.runners.target import Target, resolve


def choose(
    target: str | Path | Config,
    *,
    goal: str = DEFAULT_GOAL,
    options: ChooseOptions | None = None,
    remeasure: bool = False,
    notify: Notify = silent,
) -> Choice:
    """The Rust engine, its threads and the batch that win for a goal, by measuring them here.

    Only engines that give what PyTorch gives take part. The choice is kept in the manifest, and
    given again without measuring until the machine, the model, an engine or the question changes.

    Args:
        target: A config or its path, a manifest, or an .onnx file, which is then the only file
            that engines may run.
        goal: `latency` (of a typical run), `throughput` (inputs per second), `memory` (the most
            that the process holds, Python's part included), `size` (what has to be shipped, as far
            as it is known; then latency) or `cold-start` (loading and the first run).
        options: Among what, and how long to measure.
        remeasure: Measure even though a choice is kept.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `usage` for a goal or an engine that is none; `backend_unavailable`
            when no engine is ready; `check_failed` when none passes, or when a file is not the one
            that was converted.
    """
    asked = _asked(target, goal_named(goal), options or ChooseOptions())
    notes: tuple[str, ...] = ()
    before = kept_choice(asked.where, asked.question)
    if before is not None and not remeasure:
        changed = asked.changes_since(before)
        if not changed:
            return before
        notes = (f"measured again: {'; '.join(changed)}",)
    choice = _chosen(target, asked, notes, notify)
    keep(asked.where, choice)
    return choice


@dataclass(frozen=True)
class _Asked:
    """The question, and what the answer depends on.

    where: its model is the first of the forms. files: SHA-256 of all files by name.
    """

    where: Target
    forms: tuple[Form, ...]
    goal: Goal
    options: ChooseOptions
    engines: grid.Engines
    question: Question
    files: dict[str, str]
    machine: dict[str, Any]

    def changes_since(self, before: Choice) -> list[str]:
        """Why a choice does not hold any more; empty where it does."""
        if self.where.manifest is None:
            return []
        check_files(self.where, self.where.manifest)
        return changes(
            before,
            self.question,
            files=self.files,
            versions=self.engines.versions,
            machine=self.machine,
            validation=self.where.manifest.validation,
        )


def _asked(target: str | Path | Config, goal: Goal, options: ChooseOptions) -> _Asked:
    where = resolve(target)
    onnx_only = not isinstance(target, Config) and Path(target).suffix == ".onnx"
    forms = find_forms(where, onnx_only=onnx_only)
    where = dataclasses.replace(where, model=forms[0].file)
    engines = grid.find_engines(where, options, onnx_only=onnx_only)
    if not engines.ready:
        raise _none(where, goal, engines.dropped, Kind.BACKEND_UNAVAILABLE)
    paths = {where.file_for(name) for name in engines.ready} | {form.file for form in forms[1:]}
    return _Asked(
        where=where,
        forms=forms,
        goal=goal,
        options=options,
        engines=engines,
        question=_question(where, goal, options, engines.ready, onnx_only=onnx_only),
        files={path.name: sha256_of(path) for path in sorted(paths)},
        machine=fingerprint(),
    )


def _question(
    where: Target, goal: Goal, options: ChooseOptions, engines: Sequence[str], *, onnx_only: bool
) -> Question:
    scope = [*sorted(options.engines or ()), *([where.model.name] if onnx_only else [])]
    settings = {name: where.runner_config(name, device=options.device) for name in engines}
    return Question(
        key=" ".join([goal.name, *([f"of {', '.join(scope)}"] if scope else [])]),
        goal=goal.name,
        device=options.device or "",
        engines=tuple(engines),
        threads=grid.thread_counts(options),
        batch_sizes=grid.batch_sizes(where, goal.name, options, engines),
        settings={
            name: f"{each.device}, {'optimized' if each.optimize else 'as loaded'}"
            for name, each in settings.items()
        },
        tolerance=tolerance_of(where),
    )


def _chosen(
    target: str | Path | Config, asked: _Asked, notes: tuple[str, ...], notify: Notify
) -> Choice:
    where, goal = asked.where, asked.goal
    smaller = {form.file.name for form in asked.forms[1:]}
    first = {name: sha256 for name, sha256 in asked.files.items() if name not in smaller}
    versions, device = asked.engines.versions, asked.options.device
    proof = prove(target, where, asked.forms, versions, first, device, notify)
    sizes = shipped(where, proof.passed)
    left, larger = smallest(sizes, proof.passed) if goal.name == "size" else (proof.passed, ())
    found = _measured(asked, left, notify)
    dropped = (*asked.engines.dropped, *proof.dropped, *larger, *found.dropped)
    if not found.results:
        raise _none(where, goal, dropped, Kind.CHECK_FAILED)
    best = found.results[0]
    return Choice(
        schema_version=SCHEMA_VERSION,
        model=where.name,
        goal=goal.name,
        runner=best.runner,
        engine_version=best.engine_version,
        threads=best.threads,
        batch_size=best.batch_size,
        precision=best.variant or where.precision,
        file=_file_of(asked, best),
        device=best.device,
        reason=reason_of(goal, found, sizes),
        rows=rows_of(goal, found, sizes, where.precision),
        dropped=dropped,
        question=asked.question,
        files=asked.files,
        versions=asked.engines.versions,
        machine=asked.machine,
        options=to_plain(asked.options),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=(*notes, *proof.notes, *disturbance(best)),
    )


def _file_of(asked: _Asked, best: BenchmarkResult) -> str:
    """The ONNX file that the chosen one runs; empty where it reads another format."""
    for form in asked.forms[1:]:
        if form.precision == best.variant:
            return form.file.name
    path = asked.where.file_for(best.runner)
    return path.name if path.suffix == ".onnx" else ""


def _measured(asked: _Asked, entrants: Sequence[Entrant], notify: Notify) -> Measured:
    question = asked.question
    candidates = grid.candidates(entrants, question.threads, question.batch_sizes)
    if not candidates:
        return Measured()
    return measure(asked.where, asked.goal, candidates, asked.options, notify)


def _none(where: Target, goal: Goal, dropped: Sequence[Dropped], kind: Kind) -> OxidizedVisionError:
    reasons = "; ".join(f"{row.name}: {row.reason}" for row in dropped) or "none was named"
    hints: Mapping[Kind, str] = {
        Kind.BACKEND_UNAVAILABLE: "`oxidizedvision backends` shows each engine and how to get it.",
        Kind.CHECK_FAILED: "`oxidizedvision validate` shows how far each engine is from PyTorch, "
        "`oxidizedvision backends --model` whether it loads the model.",
    }
    return OxidizedVisionError(
        kind, f"No engine can be chosen for {where.name} ({goal.name}): {reasons}", hints[kind]
    )
