"""What `validate` found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oxidizedvision.core.errors import ExitCode
from oxidizedvision.runners.target import Unavailable


@dataclass(frozen=True)
class ValidationResult:
    """One output of one runner, the worst over all cases.

    Metrics are NaN (null in JSON) where the output could not be compared; `reason` says why, and
    is empty when the output passed. `worst_case` is the case with the largest error.
    """

    runner: str
    engine_version: str
    output: str
    cases: int
    worst_case: str
    mae: float
    rmse: float
    max_error: float
    cosine_similarity: float
    passed: bool
    reason: str


@dataclass(frozen=True)
class IntegrityResult:
    """Whether a file is still the one that the manifest lists."""

    file: str
    passed: bool
    reason: str


def all_passed(rows: Sequence[ValidationResult] | Sequence[IntegrityResult]) -> bool:
    """Whether no row failed."""
    return all(row.passed for row in rows)


@dataclass(frozen=True)
class ValidationReport:
    """The whole check.

    `passed` says that something was compared and that nothing failed; runners that are not here
    are in `unavailable` and do not count. `reference` is `pytorch` (live) or `goldens`.
    """

    passed: bool
    model: str
    reference: str
    tolerance_mae: float
    tolerance_cos_sim: float
    seed: int
    results: tuple[ValidationResult, ...]
    unavailable: tuple[Unavailable, ...]
    integrity: tuple[IntegrityResult, ...]
    skip_unavailable: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """3 when something failed, 4 when a runner is missing and may not be, else 0."""
        if not (all_passed(self.results) and all_passed(self.integrity)):
            return ExitCode.CHECK_FAILED
        if self.unavailable and not self.skip_unavailable:
            return ExitCode.MISSING_PART
        return ExitCode.DONE if self.passed else ExitCode.CHECK_FAILED
