"""A packaged executable measured by its own `--benchmark`."""

from __future__ import annotations

import json
import math
from typing import Any

from oxidizedvision.benchmark.worker import Request, make_inputs
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.program import ProgramRunner


def measure_program(request: Request, runner_config: RunnerConfig) -> dict[str, Any]:
    """Start the executable once, to measure itself; gives what the worker gives.

    Raises:
        OxidizedVisionError: as the runner, and `corrupt` for an answer that is not understood.
    """
    runner = ProgramRunner(runner_config)
    inputs = make_inputs(runner.input_specs, request.shapes, request.batch_size)
    shapes = [f"{name}={','.join(map(str, array.shape))}" for name, array in inputs.items()]
    text = runner.start(
        [
            *("--benchmark", str(request.iters)),
            # The program runs once before its warm-up; here that run is the first of it.
            *("--warmup", str(max(0, request.warmup_iters - 1))),
            *("--threads", str(request.threads)),
            *(word for shape in shapes for word in ("--shape", shape)),
        ]
    )
    try:
        answer = json.loads(text)
        return {
            "engine_version": f"{answer['backend']} {answer['backend_version']}",
            "threads": int(answer["threads"]),
            "load_ms": float(answer["load_ms"]),
            "first_ms": float(answer["first_ms"]),
            "latency_ms": [float(time) for time in answer["latency_ms"]],
            "peak_rss_mib": _number_or_nan(answer["peak_rss_mib"]),
        }
    except (ValueError, KeyError, TypeError) as error:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{runner_config.model_name} gave a benchmark that is not understood: {error}",
            "Package the model again with this version.",
        ) from error


def _number_or_nan(value: float | None) -> float:
    """The program tells null where the system does not say how much memory it held."""
    return math.nan if value is None else float(value)
