"""What the ladder did, in the form that the manifest and the command line show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from oxidizedvision.convert.ladder.attempt import Attempt
from oxidizedvision.convert.proof.sweep import Trial
from oxidizedvision.convert.shapes import Signature
from oxidizedvision.core.manifest import AttemptRecord, AxisRecord, Spec
from oxidizedvision.core.tensors import AxisRange
from oxidizedvision.runners.torchscript import Description


def attempts_of(attempts: Sequence[Attempt], chosen: Attempt) -> list[AttemptRecord]:
    """Every attempt, in the order in which it was made."""
    return [attempt_record(attempt, attempt is chosen) for attempt in attempts]


def attempt_record(attempt: Attempt, chosen: bool) -> AttemptRecord:
    """One attempt."""
    failure, parity = attempt.failure, attempt.parity
    doubt = next((place.source for place in attempt.places if place.kind == "branch"), "")
    return AttemptRecord(
        exporter=attempt.candidate.route,
        opset_version=attempt.candidate.opset,
        status=_status(attempt),
        chosen=chosen,
        cause=failure.cause.value if failure else "",
        message=failure.message if failure else "",
        hint=failure.hint if failure else "",
        source=failure.source if failure else doubt,
        node=attempt.node,
        max_error=parity.worst if parity else None,
        trials=parity.trials if parity else 0,
        engines={e.engine: e.reason or "works" for e in attempt.engines},
        seconds=attempt.seconds,
    )


def _status(
    attempt: Attempt,
) -> Literal["passed", "partly", "doubtful", "differs", "failed"]:
    if attempt.failure is not None:
        return "differs" if attempt.parity is not None else "failed"
    if attempt.passed:
        return "passed"
    return "doubtful" if attempt.is_doubtful else "partly"


def reason_for(attempts: Sequence[Attempt], chosen: Attempt, asked: str) -> str:
    """Why this exporter, in one sentence."""
    name = chosen.candidate.text
    if asked != "auto":
        return f"{name}, as asked for"
    working = [e.engine for e in chosen.engines if e.works]
    refusing = [e.engine for e in chosen.engines if not e.works]
    if not chosen.engines:
        tail = "it agrees with PyTorch; no Rust engine is here to judge it"
    elif not refusing:
        tail = f"it agrees with PyTorch, in {', '.join(working)} too"
    else:
        tail = (
            f"it agrees with PyTorch; {', '.join(working) or 'no Rust engine'} "
            f"{'run' if len(working) > 1 else 'runs'} it, "
            f"{', '.join(refusing)} {'do' if len(refusing) > 1 else 'does'} not"
        )
    if len(attempts) == 1:
        return f"{name}: the first that was tried; {tail}"
    return f"{name}: the best of {len(attempts)} that were tried; {tail}"


def description(signature: Signature) -> str:
    """The extra file of a TorchScript archive."""
    return Description(
        inputs=[Spec.of(spec) for spec in signature.inputs],
        outputs=[Spec.of(spec) for spec in signature.outputs],
        input_shapes={name: list(shape) for name, shape in signature.shapes.items()},
        axes=declared_ranges(signature),
    ).model_dump_json()


def declared_ranges(signature: Signature) -> dict[str, AxisRange]:
    """How long axes may be, where more than their names is declared."""
    return {
        name: AxisRange(axis.first, axis.max, axis.multiple_of)
        for name, axis in signature.axes.items()
        if axis.is_bounded
    }


def axis_records(signature: Signature, trials: Sequence[Trial]) -> dict[str, AxisRecord]:
    """Every named axis, with the lengths that the trials had."""
    places = {
        dim: (spec.name, axis)
        for spec in signature.inputs
        for axis, dim in enumerate(spec.dims)
        if isinstance(dim, str)
    }
    return {
        name: AxisRecord(
            example=signature.lengths[name],
            min=axis.first,
            max=axis.max,
            multiple_of=axis.multiple_of,
            proved=sorted({t.inputs[places[name][0]].shape[places[name][1]] for t in trials}),
        )
        for name, axis in signature.axes.items()
    }
