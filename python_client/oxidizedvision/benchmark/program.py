"""A packaged executable measured by its own `--benchmark`."""

from __future__ import annotations

import json
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
    if len(inputs) != 1:
        raise OxidizedVisionError(
            Kind.NOT_SINGLE,
            f"{runner.model_name} has {len(inputs)} inputs; --benchmark takes one",
            "Leave the program out, and measure the engine that is in it.",
        )
    (array,) = inputs.values()
    shape = ",".join(str(length) for length in array.shape)
    text = runner.start(
        [
            *("--benchmark", str(request.iters)),
            *("--warmup", str(request.warmup_iters)),
            *("--threads", str(request.threads)),
            *("--shape", shape),
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
            "peak_rss_mib": float(answer["peak_rss_mib"]),
        }
    except (ValueError, KeyError, TypeError) as error:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{runner_config.model_name} gave a benchmark that is not understood: {error}",
            "Package the model again with this version.",
        ) from error
