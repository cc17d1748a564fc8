"""The process that prepares one model.

Started as `python -m oxidizedvision.runners.prepare_worker`; `prepared.prepare_apart` asks it.
"""

from __future__ import annotations

from typing import Any

from oxidizedvision.runners.oneshot import serve
from oxidizedvision.runners.prepared import PrepareRequest, prepare


def answer(fields: dict[str, Any]) -> dict[str, Any]:
    """The size of the prepared file."""
    request = PrepareRequest(**fields)
    done = prepare(
        request.runner,
        request.model,
        request.out,
        input_shapes=request.shapes,
        threads=request.threads or None,
        optimize=request.optimize,
        options=request.options,
    )
    return {"size": done.size}


if __name__ == "__main__":
    serve(answer)
