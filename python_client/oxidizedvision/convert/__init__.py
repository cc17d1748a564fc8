"""From a config to TorchScript, ONNX, goldens and the manifest that binds them."""

from __future__ import annotations

from oxidizedvision.convert.main import ConvertResult, convert
from oxidizedvision.convert.network import load_module

__all__ = ["ConvertResult", "convert", "load_module"]
