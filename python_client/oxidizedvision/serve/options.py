"""How the user wants models to be served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServeOptions:
    """How to serve; None leaves a value to `server.yml`, to the environment or to the server.

    Args:
        runner: The engine of every model; `auto` takes the engine, the threads and the file that
            `choose` found best.
        goal: Of `auto`, as in `choose`; None means `latency`.
        host: The address to listen on; the server's own default is `127.0.0.1`.
        port: The port to listen on; 0 takes a free one. The server's own default is 8000.
        device: `cpu`, `cuda` or `cuda:N`.
        threads: Threads of one run; None lets the server measure, unless `auto` chose them.
        engines: Runs of one model at the same time; None lets the server measure.
        precision: `fp32` (that of the model's file), or `fp16`, `int8` where the engine can choose.
        options: The engine's own, by name.
    """

    runner: str | None = None
    goal: str | None = None
    host: str | None = None
    port: int | None = None
    device: str | None = None
    threads: int | None = None
    engines: int | None = None
    precision: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
