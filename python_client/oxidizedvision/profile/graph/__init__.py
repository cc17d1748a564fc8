"""An ONNX file: what it holds, multiplies and keeps, and where ONNX Runtime's time goes."""

from __future__ import annotations

from oxidizedvision.profile.graph.profile import profile_graph

__all__ = ["profile_graph"]
