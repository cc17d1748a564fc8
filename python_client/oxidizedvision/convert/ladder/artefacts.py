"""The files beside the ONNX: TorchScript by trace or script, and `.pt2` by `torch.export`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.convert.export import ExportAnswer, Exporter, Failure, Place, Route
from oxidizedvision.convert.export.request import Cause
from oxidizedvision.convert.ladder.attempt import Attempt
from oxidizedvision.convert.ladder.climb import Ladder
from oxidizedvision.convert.proof.parity import measure, torchscript

_TOOLS: dict[Route, str] = {"torchscript": "torch.jit.trace", "script": "torch.jit.script"}


@dataclass(frozen=True)
class Script:
    """The TorchScript file to publish, or why there is none. tool: what made it."""

    file: Path | None
    tool: str = ""
    failure: Failure | None = None
    doubt: tuple[Place, ...] = ()


def best_torchscript(ladder: Ladder, attempts: Sequence[Attempt]) -> Script:
    """The trace where it agrees with PyTorch on every trial, else the script.

    What no attempt wrote is made now.
    """
    names = ladder.request.inputs, ladder.request.outputs
    failure: Failure | None = None
    doubted: Script | None = None
    for route, tool in _TOOLS.items():
        answer, file = _torchscript_of(ladder, attempts, route)
        reason = answer.torchscript_failure or answer.failure
        if file is None or reason is not None:
            failure = failure or reason
            continue
        places = tuple(place for place in answer.places if place.kind == "branch")
        parity = measure(torchscript(file, *names), ladder.trials)
        if parity.failed is not None:
            message = f"{tool} for {parity.failed.name}: {parity.reason}"
            failure = failure or Failure(cause=Cause.DIFFERS, message=message)
        elif places:
            doubted = doubted or Script(file, tool, doubt=places)
        else:
            return Script(file, tool)
    return doubted or Script(None, failure=failure)


def _torchscript_of(
    ladder: Ladder, attempts: Sequence[Attempt], route: Route
) -> tuple[ExportAnswer, Path | None]:
    for attempt in attempts:
        tried = attempt.torchscript is not None or attempt.torchscript_failure is not None
        if attempt.candidate.route == route and tried:
            answer = ExportAnswer(
                torchscript_failure=attempt.torchscript_failure, places=list(attempt.places)
            )
            return answer, attempt.torchscript
    file = ladder.folder / f"{route}.pt"
    request = ladder.request.model_copy(
        update={"route": route, "opset": None, "torchscript": str(file)}
    )
    ladder.notify(f"writing TorchScript by {route}")
    with Exporter(route) as process:
        answer = process.ask(request, ladder.timeout_s)
    return answer, file if file.is_file() else None


def write_pt2(ladder: Ladder, attempts: Sequence[Attempt], path: Path) -> Failure | None:
    """Write the .pt2 file of `torch.export`; gives the reason where it cannot be had."""
    made = next((attempt.pt2 for attempt in attempts if attempt.pt2 is not None), None)
    if made is not None:
        shutil.copyfile(made, path)
        return None
    request = ladder.request.model_copy(update={"route": "dynamo", "opset": None, "pt2": str(path)})
    ladder.notify("writing the .pt2 file by torch.export")
    with Exporter("dynamo") as process:
        answer = process.ask(request, ladder.timeout_s)
    return answer.pt2_failure or answer.failure
