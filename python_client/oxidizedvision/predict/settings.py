"""How the user wants an engine to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class EngineSettings:
    """How an engine is to run.

    device: `cpu`, `cuda` or `cuda:N`; None takes the config's, or the engine's own. threads: of
    one run; None means as many processors as this process may use, or what `auto` chose.
    precision: `fp32` (that of the model's file), or `fp16`, `int8` where the engine can choose.
    options: the engine's own, by name.
    """

    device: str | None = None
    threads: int | None = None
    precision: str = "fp32"
    options: Mapping[str, str] = field(default_factory=dict)
