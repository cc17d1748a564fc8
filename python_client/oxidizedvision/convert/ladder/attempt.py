"""One exporter tried, and what it was worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.convert.export import Failure, Place
from oxidizedvision.convert.export.request import Cause
from oxidizedvision.convert.ladder.candidates import Candidate
from oxidizedvision.convert.proof.judge import EngineVerdict
from oxidizedvision.convert.proof.parity import Parity
from oxidizedvision.core.errors import Kind, OxidizedVisionError


@dataclass(frozen=True)
class Attempt:
    """One candidate and what became of it.

    passed: PyTorch and every engine that is ready agree. places: values that the tracer fixed in
    the user's code; a branch among them is a doubt, since no input that was tried need take it.
    """

    candidate: Candidate
    seconds: float = 0.0
    failure: Failure | None = None
    parity: Parity | None = None
    engines: tuple[EngineVerdict, ...] = ()
    places: tuple[Place, ...] = ()
    onnx: Path | None = None
    torchscript: Path | None = None
    torchscript_failure: Failure | None = None
    pt2: Path | None = None
    node: str = ""

    @property
    def is_doubtful(self) -> bool:
        """Whether a branch was fixed that no trial has found out."""
        return any(place.kind == "branch" for place in self.places)

    @property
    def agrees(self) -> bool:
        """Whether it was written and ONNX Runtime agrees with PyTorch on every trial."""
        return self.failure is None and self.parity is not None and self.parity.passed

    @property
    def passed(self) -> bool:
        """Whether nothing is left to wish for."""
        return self.agrees and not self.is_doubtful and all(e.works for e in self.engines)

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """The larger the better."""
        return self.agrees, not self.is_doubtful, sum(e.works for e in self.engines)


def best_of(attempts: Sequence[Attempt], network: str) -> Attempt:
    """The attempt to publish: that which agrees, without a doubt, in the most engines.

    Raises:
        OxidizedVisionError: `export` with every cause where none agrees with PyTorch.
    """
    best = max(attempts, key=lambda attempt: attempt.rank)
    if best.agrees:
        return best
    causes = [a.failure for a in attempts if a.failure is not None]
    told = "; ".join(
        f"{a.candidate.text}: {told_failure(a.failure)}" for a in attempts if a.failure
    )
    raise OxidizedVisionError(
        Kind.EXPORT,
        f"{network} cannot be exported: {told}",
        _most_telling(causes).hint if causes else _HINT,
    )


def told_failure(failure: Failure) -> str:
    """A failure with the user's line."""
    return failure.message + (f" at {failure.source}" if failure.source else "")


_HINT = "Run with --verbose, and report it: an export has neither a file nor a reason."

_TELLING = (
    Cause.OPSET_TOO_LOW,
    Cause.BRANCH,
    Cause.BAKED,
    Cause.VALUE,
    Cause.OPERATOR,
    Cause.OUTPUT,
    Cause.DIFFERS,
)


def _most_telling(failures: Sequence[Failure]) -> Failure:
    """The failure whose hint helps most: one that names a cause in the network."""
    for cause in _TELLING:
        for failure in failures:
            if failure.cause is cause:
                return failure
    return failures[0]
