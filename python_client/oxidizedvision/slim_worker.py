"""The process in which onnxslim simplifies a model.

It computes constants with ONNX Runtime, and what a model computes need not end.
"""

from __future__ import annotations

import numpy as np

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.core.processes import error_to_dict
from oxidizedvision.runners.apart_worker import serve
from oxidizedvision.runners.frames import Message

_SLIM_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
)


def answer(request: Message) -> Message:
    """The simplified model, or why there is none."""
    try:
        slim = require("onnxslim", "optimize").slim
        onnx = require("onnx", "optimize")
    except OxidizedVisionError as error:
        return Message({"error": error_to_dict(error)})
    model = onnx.load_model_from_string(request.arrays["model"].tobytes())
    try:
        after = slim(model, skip_optimizations=request.body["skipped"] or None)
    except _SLIM_ERRORS as error:
        return Message({"failed": f"{type(error).__name__}: {error}"})
    return Message(arrays={"model": np.frombuffer(after.SerializeToString(), np.uint8)})


if __name__ == "__main__":
    serve(answer)
