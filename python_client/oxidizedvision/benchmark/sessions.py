"""The process of a candidate: our worker, a packaged program, or a module in Node."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from oxidizedvision.benchmark.candidate import COMPILED, Candidate
from oxidizedvision.benchmark.inputs import input_shapes
from oxidizedvision.benchmark.processors import processors_for
from oxidizedvision.benchmark.request import MeasureRequest
from oxidizedvision.benchmark.session import Session
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.processes import PYTHON_MODULE, environment
from oxidizedvision.runners import wasm
from oxidizedvision.runners.emulated import starter_of
from oxidizedvision.runners.libraries import without_ours
from oxidizedvision.runners.oneshot import config_fields
from oxidizedvision.runners.program import ProgramRunner
from oxidizedvision.runners.target import Target

WORKER = "oxidizedvision.benchmark.worker"


def open_session(
    where: Target,
    candidate: Candidate,
    *,
    device: str | None,
    timeout_s: float,
    worker: str = WORKER,
) -> Session:
    """Start the process of a candidate, on as many processors as it has threads.

    Args:
        where: The converted model.
        candidate: What is measured.
        device: As in `Target.runner_config`.
        timeout_s: How long the process may take in all.
        worker: The module that the process of a runner is.

    Raises:
        OxidizedVisionError: when the model cannot be loaded, or cannot run at this batch size.
    """
    request = request_of(where, candidate, device=device)
    processors = processors_for(candidate.threads)
    if candidate.runner == "program":
        return Session(
            candidate.runner,
            _program_command(where, candidate, request),
            processors=processors,
            timeout_s=timeout_s,
        )
    if candidate.runner in wasm.MODULES:
        return Session(
            candidate.runner,
            wasm.session_command(candidate.runner),
            processors=processors,
            timeout_s=timeout_s,
            request=_wasm_request(where, candidate, request),
        )
    return Session(
        candidate.runner,
        (*PYTHON_MODULE, worker),
        processors=processors,
        timeout_s=timeout_s,
        environment=without_ours(environment()),
        request=dataclasses.asdict(request),
    )


def request_of(where: Target, candidate: Candidate, *, device: str | None) -> MeasureRequest:
    """What the worker of a candidate is asked for.

    Raises:
        OxidizedVisionError: `not_found` when the target has no file that the runner reads.
    """
    runner_config = where.runner_config(candidate.engine, device=device, threads=candidate.threads)
    live = where.config if candidate.engine == "pytorch" else None
    return MeasureRequest(
        runner=candidate.engine,
        model=candidate.model or str(runner_config.model),
        shapes=where.input_shapes,
        asked_shapes={name: list(shape) for name, shape in where.shapes.items()},
        device=runner_config.device,
        threads=candidate.threads,
        optimize=runner_config.optimize,
        batch_size=candidate.batch_size,
        options=dict(candidate.options),
        compiled=candidate.runner == COMPILED,
        **config_fields(live),
    )


def _program_command(
    where: Target, candidate: Candidate, request: MeasureRequest
) -> tuple[str, ...]:
    runner_config = where.runner_config("program", device=request.device, threads=request.threads)
    runner = ProgramRunner(runner_config)
    if starter_of(runner.executable):
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"{runner.executable} runs here by QEMU only, whose times tell nothing",
            f"Measure it there: `{runner.executable.name} --benchmark 100 --shape …`.",
        )
    found = input_shapes(runner.input_specs, request)
    shapes = [f"{name}={','.join(map(str, shape))}" for name, shape in found.items()]
    return (
        *(str(runner.executable.absolute()), "--benchmark-session"),
        *("--threads", str(candidate.threads)),
        *(word for shape in shapes for word in ("--shape", shape)),
    )


def _wasm_request(where: Target, candidate: Candidate, request: MeasureRequest) -> dict[str, Any]:
    """What a Node process is asked for; it makes its inputs itself."""
    runner_config = dataclasses.replace(
        where.runner_config(candidate.engine, device=request.device),
        model=Path(request.model),
        options=request.options,
    )
    with wasm.load(candidate.engine, runner_config) as runner:
        shapes = input_shapes(runner.input_specs, request)
    return {"model": request.model, "optimize": request.optimize, "shapes": shapes}
