"""The process that holds one runner and times runs of it: lines of JSON in, lines of JSON out.

Started as `python -m oxidizedvision.benchmark.worker`; `session.py` is its other end. The first
line is a `MeasureRequest`; each later one asks for `{"runs": n}`, or for
`{"seconds": s, "least": n}`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from oxidizedvision.benchmark.inputs import make_inputs
from oxidizedvision.benchmark.request import MeasureRequest
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.processes import error_to_dict, take_stdout
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.table import import_engine, load_runner

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array
    from oxidizedvision.runners.torch_runner import TorchRunner

_STATUS = Path("/proc/self/status")
_NANOSECONDS = 1_000_000_000
Run = Callable[[], object]


def load(request: MeasureRequest) -> Runner:
    """The runner of a request.

    Raises:
        OxidizedVisionError: when it cannot load the model.
    """
    runner_config = RunnerConfig(
        Path(request.model),
        device=request.device,
        threads=request.threads,
        precision=request.precision,
        optimize=request.optimize,
        options=request.options,
    )
    runner = load_runner(request.runner, runner_config, config=request.live_config())
    if request.compiled:
        cast("TorchRunner", runner).compile()
    return runner


def serve(load: Callable[[MeasureRequest], Runner] = load) -> None:
    """Load what the first line asks for, run it once, and answer until the input ends.

    Whatever else writes to standard output goes to standard error.
    """
    with os.fdopen(take_stdout(), "w", encoding="utf-8", buffering=1) as answers:
        try:
            request = MeasureRequest(**json.loads(sys.stdin.readline()))
            import_engine(request.runner)
            start = time.perf_counter_ns()
            runner = load(request)
            load_ms = _milliseconds(start)
            with runner:
                _answer_all(runner, request, load_ms, answers)
        except OxidizedVisionError as error:
            _say(answers, {"error": error_to_dict(error)})


def _answer_all(runner: Runner, request: MeasureRequest, load_ms: float, answers: TextIO) -> None:
    inputs = make_inputs(runner.input_specs, request)

    def run() -> dict[str, Array]:
        return runner.run_named(inputs)

    first_ms = _timed(run)
    _say(answers, {"load_ms": load_ms, "first_ms": first_ms, **_facts(runner)})
    # What exists now stays; collecting it would fall into somebody's window.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        latency_ms = timed_runs(run, json.loads(line))
        _say(answers, {"latency_ms": latency_ms, "peak_rss_mib": peak_rss_mib()})


def timed_runs(run: Run, asked: dict[str, Any]) -> list[float]:
    """Milliseconds of each run of a window."""
    if "runs" in asked:
        return [_timed(run) for _ in range(asked["runs"])]
    return list(_until(run, float(asked["seconds"]), int(asked["least"])))


def _until(run: Run, seconds: float, least: int) -> Iterator[float]:
    end = time.perf_counter_ns() + int(seconds * _NANOSECONDS)
    while least > 0 or time.perf_counter_ns() < end:
        yield _timed(run)
        least -= 1


def _facts(runner: Runner) -> dict[str, Any]:
    info = runner.info
    return {
        "engine_version": info.backend_version,
        "device": info.device,
        "threads": info.threads,
        "peak_rss_mib": peak_rss_mib(),
    }


def _timed(run: Run) -> float:
    start = time.perf_counter_ns()
    run()
    return _milliseconds(start)


def _milliseconds(start_ns: int) -> float:
    return (time.perf_counter_ns() - start_ns) / 1e6


def peak_rss_mib() -> float:
    """The most memory that this process ever held.

    From the kernel's own high-water mark: `getrusage` also counts what the parent process held
    when it started this one.
    """
    try:
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:  # not Linux
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    serve()
