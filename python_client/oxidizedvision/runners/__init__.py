"""Every engine behind one contract."""

from oxidizedvision.runners.base import Availability, Runner, RunnerConfig
from oxidizedvision.runners.table import (
    NAMES,
    BackendRow,
    availability,
    backends,
    load,
    load_runner,
)

__all__ = [
    "NAMES",
    "Availability",
    "BackendRow",
    "Runner",
    "RunnerConfig",
    "availability",
    "backends",
    "load",
    "load_runner",
]
