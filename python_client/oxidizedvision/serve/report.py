"""What a server serves, told once it listens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ServedModel:
    """One model as it is served.

    threads, engines: of one run, and runs at the same time. batching: `on`, or why not. state:
    `READY`, or what it is instead; then reason says why.
    """

    name: str
    version: str
    runner: str
    engine_version: str
    threads: int
    engines: int
    batching: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class ServeReport:
    """Where the server listens, what it serves, and what `auto` chose, a line for each model."""

    address: str
    models: tuple[ServedModel, ...]
    chosen: tuple[str, ...] = ()


Started = Callable[[ServeReport], None]
"""Told, once, that the server listens."""


def report_of(document: str, chosen: tuple[str, ...]) -> ServeReport:
    """The report of what the native module tells."""
    told = json.loads(document)
    models = tuple(
        ServedModel(
            name=model["name"],
            version=model["version"],
            runner=model["runner"],
            engine_version=model["runner_version"],
            threads=model["threads"],
            engines=model["engines"],
            batching=model["batching"],
            state=model["state"],
            reason=model["reason"],
        )
        for model in told["models"]
    )
    return ServeReport(told["address"], models, chosen)
