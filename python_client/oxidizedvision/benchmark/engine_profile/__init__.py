"""Where the time of a run goes, by operator and by nn.Module, in every engine that can tell."""

from __future__ import annotations

from oxidizedvision.benchmark.engine_profile.report import (
    EngineProfile,
    EngineProfileOptions,
    ProfiledEngine,
    ProfiledNode,
    UntoldEngine,
)
from oxidizedvision.benchmark.engine_profile.sums import SideRow
from oxidizedvision.benchmark.engine_profile.tables import write_csv
from oxidizedvision.benchmark.engine_profile.verb import engine_profile

__all__ = [
    "EngineProfile",
    "EngineProfileOptions",
    "ProfiledEngine",
    "ProfiledNode",
    "SideRow",
    "UntoldEngine",
    "engine_profile",
    "write_csv",
]
