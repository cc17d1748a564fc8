"""The simplifier in a process of its own: what it computes need not end, and Ctrl-C is heard."""

from __future__ import annotations

import numpy as np

from oxidizedvision.core.processes import PYTHON_MODULE, error_from_dict, how_it_ended
from oxidizedvision.runners.frames import BrokenMessageError, Message
from oxidizedvision.runners.worker import Worker

_WORKER = "oxidizedvision.optimize.slim_worker"


class SlimmingError(Exception):
    """Why a simplifier made nothing of a model."""


def slimmed(model: bytes, skipped: list[str], simplifier: str = "onnxslim") -> bytes:
    """An ONNX model as onnxslim or onnxsim simplifies it, without the passes of these names.

    Raises:
        SlimmingError: when it fails.
        OxidizedVisionError: `dependency_missing` without the simplifier.
    """
    worker = Worker((*PYTHON_MODULE, _WORKER))
    try:
        arrays = {"model": np.frombuffer(model, np.uint8)}
        answer = worker.ask(Message({"skipped": skipped, "simplifier": simplifier}, arrays))
    except EOFError as error:
        code, said = worker.ended()
        raise SlimmingError(f"its process ended {how_it_ended(code)}: {said[-200:]}") from error
    except BrokenMessageError as error:
        raise SlimmingError(f"its answer is not understood: {error}") from error
    finally:
        worker.kill()
    if "error" in answer.body:
        raise error_from_dict(answer.body["error"])
    if "failed" in answer.body:
        raise SlimmingError(str(answer.body["failed"]))
    return answer.arrays["model"].tobytes()
