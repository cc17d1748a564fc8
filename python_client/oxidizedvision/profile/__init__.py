"""What a network costs: parameters, multiply-adds, memory and time, whole and layer by layer."""

from __future__ import annotations

from oxidizedvision.profile.report import (
    MEASURES,
    EngineStep,
    LayerRow,
    Measure,
    ProfileReport,
    TimeReport,
    sorted_layers,
    value_of,
)
from oxidizedvision.profile.verb import profile

__all__ = [
    "MEASURES",
    "EngineStep",
    "LayerRow",
    "Measure",
    "ProfileReport",
    "TimeReport",
    "profile",
    "sorted_layers",
    "value_of",
]
