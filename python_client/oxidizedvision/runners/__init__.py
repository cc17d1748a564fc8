"""Every engine behind one contract.

The table of engines is imported when it is first used: a process that is for one engine does
without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oxidizedvision.runners.base import Availability, Runner, RunnerConfig
    from oxidizedvision.runners.prepared import PreparedModel, prepare
    from oxidizedvision.runners.table import (
        NAMES,
        BackendRow,
        availability,
        backends,
        load,
        load_runner,
    )

_HOMES = {
    "Availability": "base",
    "Runner": "base",
    "RunnerConfig": "base",
    "PreparedModel": "prepared",
    "prepare": "prepared",
}

__all__ = [
    "NAMES",
    "Availability",
    "BackendRow",
    "PreparedModel",
    "Runner",
    "RunnerConfig",
    "availability",
    "backends",
    "load",
    "load_runner",
    "prepare",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "table")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
