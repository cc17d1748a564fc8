"""Which module a page gets: the one that is asked for, the smaller one, or the faster one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oxidizedvision.benchmark import BenchmarkOptions
from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.plan import settings
from oxidizedvision.benchmark.verb import measured
from oxidizedvision.core import wasm
from oxidizedvision.core.engines import WASM_ENGINES
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import AUTO, DEFAULT_GOAL, refuse_goal
from oxidizedvision.package.chosen import ChosenEngine
from oxidizedvision.package.kind import Job
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.prepared import is_prepared
from oxidizedvision.runners.target import resolve
from oxidizedvision.validate.replay import Goldens

ENGINES = tuple(engine.module for engine in WASM_ENGINES)
"""The engines that a page can be made with."""

_CLEARLY = 1.05
"""A module that is not this many times faster does not win over a smaller one."""
_SHORT = BenchmarkOptions(processes=2, most_processes=3, threads=1)


def runner_of(engine: str) -> str:
    """The runner that stands for an engine in a browser."""
    return next(each.name for each in WASM_ENGINES if each.module == engine)


def choose_engine(job: Job) -> ChosenEngine:
    """The engine of a page.

    Raises:
        OxidizedVisionError: `usage` for what a page cannot be made of, `dependency_missing` where
            no module is built, `unsupported` where `auto` finds none that runs the model.
    """
    _refuse_what_is_of_programs(job)
    if job.engine == AUTO:
        if job.goal not in (None, DEFAULT_GOAL):
            raise OxidizedVisionError(
                Kind.USAGE,
                f"auto chooses the engine of a page by its latency, not by {job.goal}",
                "Leave the goal out, or name the engine.",
            )
        return _by_timing(job)
    refuse_goal(job.goal)
    if job.engine is not None:
        if job.engine not in ENGINES:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"A page cannot be made with engine {job.engine!r}",
                f"Choose one of: {', '.join(ENGINES)}; or {AUTO}.",
            )
        return ChosenEngine(job.engine, "asked for")
    return ChosenEngine(_smallest_first()[0], "not asked for: its module is the smallest")


def _refuse_what_is_of_programs(job: Job) -> None:
    if job.build:
        raise OxidizedVisionError(
            Kind.USAGE, "A page has no program to build", "Leave --build out, or the kind wasm."
        )
    if is_prepared(job.subject.model):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"A page cannot carry {job.subject.model.name}: it was prepared for another place",
            "Package the .onnx file.",
        )


def _smallest_first() -> list[str]:
    """The engines whose modules are built.

    Raises:
        OxidizedVisionError: `dependency_missing` where there is none.
    """
    parts = wasm.find_parts()
    built = [name for name in ENGINES if wasm.has_module(name)]
    if not built:
        raise OxidizedVisionError(
            Kind.DEPENDENCY_MISSING,
            "No WebAssembly module is built that a page could be made with",
            wasm.BUILD_HINT,
        )
    return sorted(built, key=lambda name: (parts.module(name) / wasm.BINARY).stat().st_size)


@dataclass(frozen=True)
class _Trials:
    """The engines that give PyTorch's answers, the smallest first, and why the others do not."""

    able: tuple[str, ...]
    refused: Mapping[str, str]


def _by_timing(job: Job) -> ChosenEngine:
    trials = _trials(job)
    others = "; ".join(f"{name}: {reason}" for name, reason in trials.refused.items())
    if not trials.able:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"No module gives PyTorch's answers for {job.subject.model.name}: {others}",
            "`oxidizedvision backends --model MODEL` tells what runs it outside a browser.",
        )
    first = trials.able[0]
    if len(trials.able) == 1:
        reason = f"the only one that runs it here ({others})" if others else "the only one built"
        return ChosenEngine(first, f"{AUTO}: {reason}")
    job.notify("timing the modules in Node")
    medians = _medians(job, trials.able)
    fastest = min(medians, key=lambda name: medians[name])
    chosen = first if medians[first] <= _CLEARLY * medians[fastest] else fastest
    told = ", ".join(f"{name} {value:.2f} ms" for name, value in medians.items())
    why = "the fastest" if chosen == fastest else "as fast as the fastest, and smaller"
    return ChosenEngine(chosen, f"{AUTO} in Node, one thread: {why} ({told} at the median)")


def _trials(job: Job) -> _Trials:
    goldens = Goldens(resolve(job.subject.model))
    able, refused = [], {}
    for name in _smallest_first():
        job.notify(f"trying {runner_of(name)}")
        reason = goldens.difference(runner_of(name), RunnerConfig(job.subject.model))
        if reason:
            refused[name] = reason
        else:
            able.append(name)
    return _Trials(tuple(able), refused)


def _medians(job: Job, engines: tuple[str, ...]) -> dict[str, float]:
    """Milliseconds by engine, measured in turns.

    Raises:
        OxidizedVisionError: `engine_failed` where one cannot be measured.
    """
    where = resolve(job.subject.model)
    candidates = [Candidate(runner_of(name), 1, 1) for name in engines]
    report = measured(where, candidates, settings(_SHORT, None), notify=job.notify)
    for failure in report.failures:
        raise OxidizedVisionError(
            Kind.ENGINE_FAILED, f"{failure.runner}: {failure.message}", failure.hint
        )
    by_runner = {row.runner: row.p50_ms for row in report.results}
    return {name: by_runner[runner_of(name)] for name in engines}
