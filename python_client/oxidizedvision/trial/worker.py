"""The process in which one engine is tried: a JSON request in, a `Trial` as JSON out."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.results import to_plain
from oxidizedvision.core.seeded import seeded_inputs
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.oneshot import Request, serve
from oxidizedvision.runners.table import import_engine, load_runner
from oxidizedvision.runners.target import UNAVAILABLE_KINDS
from oxidizedvision.trial.report import Trial
from oxidizedvision.validate.cases import Case
from oxidizedvision.validate.compare import Tolerances, Verdict, verdict, worst
from oxidizedvision.validate.goldens import load_goldens

_LOWEST_SIMILARITY = 0.9
"""Below this a lower precision gave something else than the model's answer."""


@dataclass(frozen=True)
class TrialRequest(Request):
    """What to try. `goldens` is their file, None where there is none."""

    precision: str = "fp32"
    goldens: str | None = None
    mae: float = 0.0
    cosine_similarity: float = 1.0


def try_engine(request: TrialRequest) -> Trial:
    """Load the model, run it once, and compare it on every golden."""
    cases = load_goldens(Path(request.goldens)) if request.goldens else []
    try:
        runner, load_ms = _loaded(request)
    except OxidizedVisionError as error:
        status = "unavailable" if error.kind in UNAVAILABLE_KINDS else "load_error"
        precision = request.precision
        return Trial(request.runner, status, precision, reason=error.message, hint=error.hint)
    with runner:
        loaded = Trial(request.runner, "works", request.precision, load_ms=load_ms)
        try:
            return _run(runner, loaded, request, cases)
        except OxidizedVisionError as error:
            return dataclasses.replace(
                loaded, status="run_error", reason=error.message, hint=error.hint
            )


def _loaded(request: TrialRequest) -> tuple[Runner, float]:
    import_engine(request.runner)
    runner_config = RunnerConfig(
        Path(request.model),
        device=request.device,
        threads=request.threads,
        precision=request.precision,
        optimize=request.optimize,
    )
    config = request.live_config()
    start = time.perf_counter_ns()
    runner = load_runner(request.runner, runner_config, config=config)
    return runner, _milliseconds(start)


def _run(runner: Runner, loaded: Trial, request: TrialRequest, cases: list[Case]) -> Trial:
    first = cases[0].inputs if cases else seeded_inputs(runner.input_specs, request.shapes)
    start = time.perf_counter_ns()
    runner.run_named(first)
    ran = dataclasses.replace(
        loaded,
        first_ms=_milliseconds(start),
        version=runner.info.backend_version,
        input_shapes={name: list(array.shape) for name, array in first.items()},
    )
    if not cases:
        return ran
    tolerances = _tolerances(request)
    found = worst([v for case in cases for v in _verdicts(runner, case, tolerances)])
    compared = dataclasses.replace(
        ran, cases=len(cases), max_error=found.metrics.max_error if found.metrics else None
    )
    if not found.reason:
        return compared
    return dataclasses.replace(
        compared,
        status="differs",
        reason=f"{found.case}: {found.reason}",
        hint="`oxidizedvision validate` compares in full.",
    )


def _tolerances(request: TrialRequest) -> Tolerances:
    """The manifest's for the model's own precision.

    Lower precisions are only looked at for sense: `validate` judges them.
    """
    if request.precision == "fp32":
        return Tolerances(request.mae, request.cosine_similarity)
    return Tolerances(mae=float("inf"), cosine_similarity=_LOWEST_SIMILARITY)


def _verdicts(runner: Runner, case: Case, tolerances: Tolerances) -> list[Verdict]:
    got = runner.run_named(case.inputs)
    return [
        verdict(case.name, wanted, got.get(output), tolerances)
        for output, wanted in case.expected.items()
    ]


def _milliseconds(start_ns: int) -> float:
    return (time.perf_counter_ns() - start_ns) / 1e6


def _answer(values: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(try_engine(TrialRequest(**values)))
    return plain


if __name__ == "__main__":
    serve(_answer)
