"""PyTorch's exporters, each in a process of its own with a time limit."""

from __future__ import annotations

from oxidizedvision.convert.export.process import Exporter
from oxidizedvision.convert.export.request import (
    ExportAnswer,
    ExportRequest,
    Failure,
    Place,
    Route,
)

__all__ = ["ExportAnswer", "ExportRequest", "Exporter", "Failure", "Place", "Route"]
