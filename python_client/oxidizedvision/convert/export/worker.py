"""The process of one exporter: `python -m oxidizedvision.convert.export.worker ROUTE`.

Reads an `ExportRequest` as JSON from standard input and writes an `ExportAnswer` as the last line
of standard output. What the network's code and the exporters print goes to standard error.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.convert.export.request import ExportAnswer, ExportRequest

if TYPE_CHECKING:
    pass


READY = b"ready\n"
"""What the process says once PyTorch is loaded; its time is counted from there."""


def main(route: str) -> None:
    """Load what the route needs, then answer one request."""
    answer_to = os.dup(1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    _preload(route)
    os.write(answer_to, READY)
    request = ExportRequest.model_validate_json(sys.stdin.buffer.read())
    answer = _answered(request)
    sys.stdout.flush()
    with os.fdopen(answer_to, "w", encoding="utf-8") as stream:
        stream.write("\n" + answer.model_dump_json())


def _preload(route: str) -> None:
    import onnx
    import torch

    torch.set_num_threads(1)
    # Fused attention is one operator that ONNX and other engines have not.
    torch.backends.mha.set_fastpath_enabled(False)
    if route == "dynamo":
        import onnxscript
        import torch.onnx._internal.exporter._core

        del onnxscript
    del onnx


def _answered(request: ExportRequest) -> ExportAnswer:
    import torch
    from safetensors.torch import load_file

    from oxidizedvision.config import Config
    from oxidizedvision.convert.export.routes import Subject, export
    from oxidizedvision.convert.source import build_network, source_file

    config = Config.model_validate_json(request.config)
    if request.config_path is not None:
        config._path = Path(request.config_path)
    network = build_network(config)
    state = torch.load(request.weights, map_location="cpu", weights_only=True)
    network.load_state_dict(state)
    network.eval().requires_grad_(False)
    arrays = load_file(request.example)
    example = tuple(arrays[name] for name in request.inputs)
    return export(request, Subject(network, example, source_file(config)))


if __name__ == "__main__":
    main(sys.argv[1])
