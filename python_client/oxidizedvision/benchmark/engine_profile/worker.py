"""The process in which one engine tells where its time goes: a JSON request in, an answer out.

Started as `python -m oxidizedvision.benchmark.engine_profile.worker`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from oxidizedvision.benchmark.inputs import make_inputs
from oxidizedvision.benchmark.request import ProfileRequest
from oxidizedvision.benchmark.worker import load
from oxidizedvision.runners.oneshot import serve

WARMUP_RUNS = 2


def profile(request: ProfileRequest) -> dict[str, Any]:
    """Time whole runs without profiling, then its nodes in as many.

    Raises:
        OxidizedVisionError: when the model cannot be loaded or run.
    """
    if request.runner == "pytorch" and not request.compiled:
        from oxidizedvision.benchmark.engine_profile.network import profile_modules

        return profile_modules(request)
    with load(request) as runner:
        inputs = make_inputs(runner.input_specs, request)
        run_ms = mean_ms(lambda: runner.run_named(inputs), request.runs)
        nodes = runner.profile_named(inputs, request.runs)
        info = runner.info
    return {
        "engine_version": info.backend_version,
        "device": info.device,
        "threads": info.threads,
        "run_ms": run_ms,
        "nodes": None if nodes is None else [dataclasses.asdict(node) for node in nodes],
    }


def mean_ms(run: Callable[[], object], runs: int) -> float:
    """Milliseconds of a run, after some that do not count: a mean, as the nodes' times are."""
    for _ in range(WARMUP_RUNS):
        run()
    start = time.perf_counter_ns()
    for _ in range(runs):
        run()
    return (time.perf_counter_ns() - start) / 1e6 / runs


if __name__ == "__main__":
    serve(lambda values: profile(ProfileRequest(**values)))
