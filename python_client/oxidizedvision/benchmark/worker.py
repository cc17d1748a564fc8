"""The process in which one runner is measured: a JSON request in, a JSON answer out.

Started by `benchmark` as `python -m oxidizedvision.benchmark.worker`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.processes import error_to_dict, take_stdout
from oxidizedvision.core.tensors import DTYPES, TensorSpec
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.table import import_engine, load_runner

if TYPE_CHECKING:
    from oxidizedvision.config import Config
    from oxidizedvision.core.tensors import Array

_STATUS = Path("/proc/self/status")
_SEED = 0


@dataclass(frozen=True)
class Request:
    """What to measure. `shapes` are the examples' shapes by input, without the batch asked for.

    config: the config's content and path, for `pytorch`.
    """

    runner: str
    model: str
    shapes: dict[str, list[int]]
    device: str
    threads: int
    optimize: bool
    iters: int
    warmup_iters: int
    batch_size: int
    config: str | None = None
    config_path: str | None = None


def measure(request: Request) -> dict[str, Any]:
    """Load, run once, warm up, then time each run alone.

    Raises:
        OxidizedVisionError: when the runner cannot load or run the model at this batch size.
    """
    import_engine(request.runner)
    runner_config = RunnerConfig(
        Path(request.model),
        device=request.device,
        threads=request.threads,
        optimize=request.optimize,
    )
    config = live_config(request)
    start = time.perf_counter_ns()
    runner = load_runner(request.runner, runner_config, config=config)
    load_ms = _milliseconds(start)
    with runner:
        inputs = make_inputs(runner.input_specs, request.shapes, request.batch_size)
        times = _times(runner, inputs, request)
        peak = peak_rss_mib()
        info = runner.info
    return {
        "engine_version": info.backend_version,
        "threads": info.threads,
        "load_ms": load_ms,
        "first_ms": times[0],
        "latency_ms": times[1:],
        "peak_rss_mib": peak,
    }


def _times(runner: Runner, inputs: dict[str, Array], request: Request) -> list[float]:
    """The first run, then the timed ones; the first counts as warm-up."""
    times = [_timed(runner, inputs)]
    for _ in range(request.warmup_iters - 1):
        runner.run_named(inputs)
    times += [_timed(runner, inputs) for _ in range(request.iters)]
    return times


def _timed(runner: Runner, inputs: dict[str, Array]) -> float:
    start = time.perf_counter_ns()
    runner.run_named(inputs)
    return _milliseconds(start)


def _milliseconds(start_ns: int) -> float:
    return (time.perf_counter_ns() - start_ns) / 1e6


def make_inputs(
    specs: tuple[TensorSpec, ...], shapes: dict[str, list[int]], batch_size: int
) -> dict[str, Array]:
    """Seeded random inputs of the examples' shapes, with the batch in place of the leading axis.

    Raises:
        OxidizedVisionError: `shape_mismatch` when the leading axis is fixed at another length.
    """
    generator = np.random.default_rng(_SEED)
    return {
        spec.name: generator.standard_normal(_shape(spec, shapes, batch_size)).astype(
            DTYPES[spec.dtype]
        )
        for spec in specs
    }


def _shape(spec: TensorSpec, shapes: dict[str, list[int]], batch_size: int) -> tuple[int, ...]:
    known = shapes.get(spec.name, [])
    dims = [dim if isinstance(dim, int) else 0 for dim in spec.dims]
    if len(known) == len(dims):
        dims = [dim or length for dim, length in zip(dims, known, strict=True)]
    if not spec.dims:
        return ()
    if isinstance(spec.dims[0], int) and spec.dims[0] != batch_size:
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"Input {spec.name!r} is {spec.dims_text()}: its batch is fixed at {spec.dims[0]}, "
            f"{batch_size} was asked for",
            f"Use batch_size {spec.dims[0]}, or convert with a name for axis 0 in "
            "export.dynamic_axes.",
        )
    shape = (batch_size, *dims[1:])
    if 0 in shape:
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"Input {spec.name!r} is {spec.dims_text()} and nothing gives a length to its names",
            "Benchmark the config.yml or the manifest, which hold an example's shape.",
        )
    return shape


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


def live_config(request: Request) -> Config | None:
    """The config whose network `pytorch` runs; None for the other runners."""
    if request.config is None:
        return None
    from oxidizedvision.config import Config

    config = Config.model_validate_json(request.config)
    if request.config_path is not None:
        config._path = Path(request.config_path)
    return config


def serve(answer_to_request: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer one request. Whatever else writes to standard output goes to standard error."""
    answer_to = take_stdout()
    try:
        answer = answer_to_request(json.load(sys.stdin))
    except OxidizedVisionError as error:
        answer = {"error": error_to_dict(error)}
    with os.fdopen(answer_to, "w", encoding="utf-8") as stream:
        json.dump(answer, stream)


if __name__ == "__main__":
    serve(lambda values: measure(Request(**values)))
