"""Networks and graphs written in a test, profiled without timing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.parser import parse_model

from oxidizedvision.profile import LayerRow, ProfileReport, profile

HEAD = '<ir_version: 9, opset_import: ["" : 20, "com.microsoft" : 1, "other" : 1]>'

_CONFIG = "model: {{path: net.py, class_name: {name}, input_shape: {shape}}}\n"
_IMPORTS = "import torch\nfrom torch import nn\n"


def network_config(folder: Path, code: str, shape: list[int], name: str = "Net") -> Path:
    """Write a network and its config."""
    (folder / "net.py").write_text(_IMPORTS + code)
    config = folder / "config.yml"
    config.write_text(_CONFIG.format(name=name, shape=shape))
    return config


def profile_code(folder: Path, code: str, shape: list[int], **options: Any) -> ProfileReport:
    """The profile of a class or function `Net`."""
    return profile(network_config(folder, code, shape), **{"time": False, **options})


def graph_file(folder: Path, text: str, **weights: Any) -> Path:
    """Write an ONNX file from a graph in ONNX's own text form and its initialisers' shapes."""
    model = parse_model(HEAD + text)
    for name, value in weights.items():
        array = np.ones(value, np.float32) if isinstance(value, tuple) else value
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def profile_text(folder: Path, text: str, **weights: Any) -> ProfileReport:
    """The profile of such a graph."""
    return profile(graph_file(folder, text, **weights), time=False)


def row_of(report: ProfileReport, path: str) -> LayerRow:
    """The layer of that name."""
    (row,) = [row for row in report.layers if row.path == path]
    return row
