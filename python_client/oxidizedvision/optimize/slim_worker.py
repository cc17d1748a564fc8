"""The process in which onnxslim or onnxsim simplifies a model.

It computes constants with ONNX Runtime, and what a model computes need not end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.core.processes import error_to_dict
from oxidizedvision.runners.apart_worker import serve
from oxidizedvision.runners.frames import Message

_Simplify = Callable[[Any, list[str]], Any]
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


def _onnxslim() -> _Simplify:
    slim = require("onnxslim", "optimize").slim

    def simplify(model: Any, skipped: list[str]) -> Any:
        return slim(model, skip_optimizations=skipped or None)

    return simplify


def _onnxsim() -> _Simplify:
    onnxsim = require("onnxsim", "optimize.simplifier")

    def simplify(model: Any, skipped: list[str]) -> Any:
        after, _ = onnxsim.simplify(
            model,
            check_n=0,
            perform_optimization="graph_fusion" not in skipped,
            skip_constant_folding="constant_folding" in skipped,
        )
        return after

    return simplify


_SIMPLIFIERS: dict[str, Callable[[], _Simplify]] = {"onnxslim": _onnxslim, "onnxsim": _onnxsim}


def answer(request: Message) -> Message:
    """The simplified model, or why there is none."""
    try:
        simplify = _SIMPLIFIERS[request.body["simplifier"]]()
        onnx = require("onnx", "optimize")
    except OxidizedVisionError as error:
        return Message({"error": error_to_dict(error)})
    model = onnx.load_model_from_string(request.arrays["model"].tobytes())
    try:
        after = simplify(model, list(request.body["skipped"]))
    except _SLIM_ERRORS as error:
        return Message({"failed": f"{type(error).__name__}: {error}"})
    return Message(arrays={"model": np.frombuffer(after.SerializeToString(), np.uint8)})


if __name__ == "__main__":
    serve(answer)
