"""Exporters in order, each judged, until one passes everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from oxidizedvision.convert.export import Exporter, ExportRequest, Failure, Route
from oxidizedvision.convert.export.request import Cause
from oxidizedvision.convert.ladder.attempt import Attempt
from oxidizedvision.convert.ladder.candidates import Candidate, Wish, first_candidates
from oxidizedvision.convert.network import Arrays
from oxidizedvision.convert.proof.baked import find_baked
from oxidizedvision.convert.proof.judge import parity_of, verdicts_of
from oxidizedvision.convert.proof.parity import Parity
from oxidizedvision.convert.proof.sweep import Trial
from oxidizedvision.core.results import Notify
from oxidizedvision.onnx_file import read_onnx

_HINT_DIFFERS = (
    "Look for values that forward turns into numbers: .item(), float(), NumPy. Else run with "
    "--thorough, and report the network if no exporter agrees."
)


@dataclass(frozen=True)
class Ladder:
    """What all candidates share.

    request: the export but for route, opset and files. example: the inputs that are exported
    with. trials: the goldens first. engine_trials: those that the Rust engines are asked for.
    """

    request: ExportRequest
    example: Arrays
    trials: Sequence[Trial]
    engine_trials: Sequence[Trial]
    folder: Path
    timeout_s: float
    wish: Wish
    wants_pt2: bool
    notify: Notify
    processes: dict[Route, Exporter] = field(default_factory=dict)

    def climb(self) -> list[Attempt]:
        """Try candidates in order; the last one tried passed, or none is left.

        Raises:
            OxidizedVisionError: `export` where what was asked for is out of every exporter's
                range.
        """
        attempts: list[Attempt] = []
        with ExitStack() as stack:
            for process in self.processes.values():
                stack.enter_context(process)
            for candidate in self._candidates(attempts):
                self.notify(f"exporting by {candidate.text}")
                attempts.append(self._tried(candidate, stack))
                if attempts[-1].passed and not self.wish.thorough:
                    break
        return attempts

    def _candidates(self, attempts: Sequence[Attempt]) -> Iterator[Candidate]:
        """In order; what is to be tried next may depend on what became of those before."""
        seen: set[Candidate] = set()
        for first in first_candidates(self.wish):
            if first.route == "script" and not self._wants_script(attempts):
                continue
            candidate: Candidate | None = first
            while candidate is not None and candidate not in seen:
                seen.add(candidate)
                yield candidate
                candidate = self._raised(attempts[-1])

    def _raised(self, attempt: Attempt) -> Candidate | None:
        """The exporter on TorchScript says which opset an operator needs."""
        needed = attempt.failure.opset if attempt.failure else None
        if needed is None or self.wish.demanded or needed <= attempt.candidate.opset:
            return None
        return replace(attempt.candidate, opset=needed)

    def _wants_script(self, attempts: Sequence[Attempt]) -> bool:
        """Script is for networks that no trace gets right."""
        demanded = self.wish.exporter == "script" or self.wish.thorough
        return demanded or not any(a.agrees and not a.is_doubtful for a in attempts)

    def _tried(self, candidate: Candidate, stack: ExitStack) -> Attempt:
        start = time.monotonic()
        stem = self.folder / f"{candidate.route}-{candidate.opset}"
        wants_pt2 = self.wants_pt2 and candidate.route == "dynamo"
        files = {
            "onnx": stem.with_suffix(".onnx"),
            "torchscript": None if candidate.route == "dynamo" else stem.with_suffix(".pt"),
            "pt2": stem.with_suffix(".pt2") if wants_pt2 else None,
        }
        request = self.request.model_copy(
            update={
                "route": candidate.route,
                "opset": candidate.opset,
                **{name: str(path) if path else None for name, path in files.items()},
            }
        )
        process = self.processes.pop(candidate.route, None)
        if process is None:
            process = stack.enter_context(Exporter(candidate.route))
        answer = process.ask(request, self.timeout_s)
        attempt = Attempt(
            candidate,
            failure=answer.failure,
            places=tuple(answer.places),
            onnx=_written(files["onnx"], answer.failure),
            torchscript=_written(files["torchscript"], answer.torchscript_failure),
            torchscript_failure=answer.torchscript_failure,
            pt2=_written(files["pt2"], answer.pt2_failure),
        )
        judged = self._judged(attempt)
        return replace(judged, seconds=round(time.monotonic() - start, 3))

    def _judged(self, attempt: Attempt) -> Attempt:
        if attempt.failure is not None or attempt.onnx is None:
            return attempt
        self.notify("comparing it with PyTorch")
        parity = parity_of(attempt.onnx, self.trials)
        if parity.failed is not None:
            node, failure = self._why(attempt, parity, parity.failed)
            return replace(attempt, parity=parity, node=node, failure=failure)
        if self.wish.exporter != "auto" and not self.wish.thorough:
            return replace(attempt, parity=parity)  # nothing is to be chosen by the engines
        engines = verdicts_of(attempt.onnx, self.engine_trials, self.notify)
        return replace(attempt, parity=parity, engines=engines)

    def _why(self, attempt: Attempt, parity: Parity, trial: Trial) -> tuple[str, Failure]:
        """The node and the cause of a file that differs: a length or a branch that was fixed."""
        what = f"for {trial.name}: {parity.reason}"
        passed = [_shapes(other) for other in self.trials[: parity.trials]]
        is_other_size = _shapes(trial) not in [*passed, _shapes_of(self.example)]
        branch = next((place.source for place in attempt.places if place.kind == "branch"), "")
        if is_other_size:
            found = self._fixed_length(attempt, trial, what)
            if found[0] or not branch:
                return found
        if not branch:
            return "", _fixed_value(attempt, what)
        return "", Failure(
            cause=Cause.BRANCH,
            message=f"forward decides by a value, and only one way was recorded; {what}",
            hint="Write the choice with torch.where, or move it out of forward.",
            source=branch,
        )

    def _fixed_length(self, attempt: Attempt, trial: Trial, what: str) -> tuple[str, Failure]:
        model = read_onnx(attempt.onnx) if attempt.onnx else None
        node = find_baked(model, self.example, trial.inputs) if model else None
        line = next((place.source for place in attempt.places if place.kind == "integer"), "")
        at_node = f" at {node.text()}" if node else ""
        return node.name if node else "", Failure(
            cause=Cause.BAKED,
            message=f"the example's length is fixed in the graph{at_node}; {what}",
            hint="Write forward with shapes as they come, x.shape[0] without int(), or take the "
            "axis out of export.dynamic_axes.",
            source=line or (node.source if node else ""),
        )


def _fixed_value(attempt: Attempt, what: str) -> Failure:
    """Where no length and no branch is to blame: a value that became a number, if one is told."""
    source = next((place.source for place in attempt.places), "")
    if not source:
        return Failure(cause=Cause.DIFFERS, message=what, hint=_HINT_DIFFERS)
    return Failure(
        cause=Cause.VALUE,
        message=f"forward turned a tensor into a number, which is fixed in the graph; {what}",
        hint="Keep it a tensor: without .item(), float(), int(), .tolist() and NumPy.",
        source=source,
    )


def _shapes(trial: Trial) -> dict[str, tuple[int, ...]]:
    return _shapes_of(trial.inputs)


def _shapes_of(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _written(path: Path | None, failure: Failure | None) -> Path | None:
    return path if path is not None and failure is None and path.is_file() else None
