"""The modules of the PyTorch network as nodes, timed by the hooks of `profile`."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import torch

from oxidizedvision.benchmark.engine_profile import worker
from oxidizedvision.benchmark.inputs import input_shapes
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.onnx_notes import ROOT
from oxidizedvision.profile.network.subject import Subject
from oxidizedvision.profile.network.watch import Watch
from oxidizedvision.runners.pytorch import input_specs

if TYPE_CHECKING:
    from oxidizedvision.benchmark.request import ProfileRequest


def profile_modules(request: ProfileRequest) -> dict[str, Any]:
    """Time whole runs, then each module without its children in as many.

    Raises:
        OxidizedVisionError: `usage` without a config, else what keeps the network from running.
    """
    config = request.live_config()
    if config is None:
        raise OxidizedVisionError(
            Kind.USAGE, "pytorch runs the network of a config", "Give the config.yml."
        )
    examples = {name: list(shape) for name, shape in config.model.shapes.items()}
    chosen = input_shapes(input_specs(config), dataclasses.replace(request, shapes=examples))
    torch.set_num_threads(request.threads)
    subject = Subject.of(config, chosen)
    run_ms = worker.mean_ms(subject.run, request.runs)
    return {
        "engine_version": str(torch.__version__),
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "run_ms": run_ms,
        "nodes": _modules(subject, request.runs),
    }


def _modules(subject: Subject, runs: int) -> list[dict[str, Any]]:
    """In the form of nodes, by path; `total_ms` is what the module does without its children."""
    with Watch(subject.module, time.perf_counter_ns) as watch:
        subject.run()
        watch.own.clear()
        watch.calls.clear()
        for _ in range(runs):
            subject.run()
    layers = dict(subject.module.named_modules())
    return [
        {
            "name": name or ROOT,
            "op_type": getattr(layers[name], "original_name", type(layers[name]).__name__),
            "origins": [],
            "calls": watch.calls[name],
            "total_ms": own_ns / 1e6,
        }
        for name, own_ns in watch.own.items()
    ]
