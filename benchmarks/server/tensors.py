"""Binary tensors to our server, beside the engine alone and an echo of the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.table import Request
from benchmarks.server import ours
from benchmarks.server.bare import running_bare
from benchmarks.server.generator import refuse_failures, write_plan
from benchmarks.server.process import Running
from benchmarks.server.servers import Server, echo_server
from benchmarks.server.site import Case, Site, peak
from benchmarks.server.turns import Contender, in_turns, picked, typical
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.table import load_runner

BATCHES = (1, 8)
"""With which the bare engine is tried: as few and as many as are there at one time."""
SERVED = "ours, ort"


def throughput(site: Site, case: Case, server: Server) -> dict[str, Any]:
    """Milliseconds for each tensor in every window: the bare engine's and ours."""
    scale, plan = case.scale, tensor_plan(site, case)

    def served(running: Running) -> float:
        return peak(site, plan, running, scale.window_s, warmup_s=scale.warmup_s)

    def alone(batch: int) -> Contender:
        return Contender(
            f"bare, batch {batch}",
            lambda: running_bare(case.subject.model, case.subject.shape, site.core),
            lambda bare: bare.timed(scale.window_s, batch)["per_s"],
        )

    contenders = [Contender(SERVED, lambda: server.start(site.core), served)]
    contenders += [alone(batch) for batch in BATCHES]
    samples = in_turns(contenders, scale.rounds, scale.tensor_windows)
    windows = {name: picked(found, lambda per_s: 1000 / per_s) for name, found in samples.items()}
    served_ms = windows.pop(SERVED)
    best = min(windows, key=lambda name: typical(windows[name]))
    return {"served_ms": served_ms, "bare": best, "bare_ms": windows[best]}


def single(site: Site, case: Case, server: Server) -> dict[str, Any]:
    """Medians of one client's calls in every window: ours, the engine's, and two echoes'.

    `echo` gives as many bytes back as the model does; `full_echo` all that it got.
    """
    scale, plan = case.scale, tensor_plan(site, case)
    given = reply_bytes(site, case, server)

    def asked(running: Running) -> float:
        report = site.generator.closed(
            plan, running.port, 1, warmup_s=scale.single_s / 4, seconds=scale.single_s
        )
        p50: float = refuse_failures(running.name, report)["admitted_ms"]["p50"]
        return p50

    def echoed(name: str, reply: int | None) -> Contender:
        server = echo_server(site.generator, reply)
        return Contender(name, lambda: server.start(site.core), asked)

    contenders = [
        Contender("served", lambda: server.start(site.core), asked),
        Contender(
            "engine",
            lambda: running_bare(case.subject.model, case.subject.shape, site.core),
            lambda bare: bare.timed(scale.single_s, 1)["p50_ms"],
        ),
        echoed("echo", given),
        echoed("full_echo", None),
    ]
    samples = in_turns(contenders, scale.rounds, scale.single_windows)
    return {"reply_bytes": given, **{f"{name}_ms": found for name, found in samples.items()}}


def tensor_plan(site: Site, case: Case) -> Path:
    """One tensor of the model's shape, the same numbers always."""
    return write_plan(site.new_folder(), [(_request(case), None)])


def _request(case: Case) -> Request:
    array = np.random.default_rng(0).random(case.subject.shape, np.float32)
    with load_runner("onnxruntime", RunnerConfig(case.subject.model)) as runner:
        name = runner.info.inputs[0].name
    return ours.tensor(case.subject.name, name, array)


def reply_bytes(site: Site, case: Case, server: Server) -> int:
    """How long our answer to the tensor is."""
    with server.start(site.core) as running:
        return len(running.ask(_request(case)))
