"""What `validate` found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oxidizedvision.core.errors import ExitCode
from oxidizedvision.runners.target import Unavailable
from oxidizedvision.validate.compare import WorstValue
from oxidizedvision.validate.data.report import DataReport, DataResult


@dataclass(frozen=True)
class ValidationResult:
    """One output of one runner, the worst over all cases.

    Metrics are NaN (null in JSON) where the output could not be compared; `reason` says why, and
    is empty when the output passed. `worst_case` is the case with the largest error.

    sqnr_db, psnr_db: infinite (null in JSON) where nothing differs. top1, top5, iou: None where
    they have no meaning for the output. worst_value: the place of the largest difference; None
    where nothing differs. precision: of the file that the runner read. limits: those that the
    output was held to, by the keys of `validation.tolerances`.
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
    sqnr_db: float | None = None
    psnr_db: float | None = None
    top1: float | None = None
    top5: float | None = None
    iou: float | None = None
    worst_value: WorstValue | None = None
    precision: str = "fp32"
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class IntegrityResult:
    """Whether a file is still the one that the manifest lists."""

    file: str
    passed: bool
    reason: str


def all_passed(
    rows: Sequence[ValidationResult] | Sequence[IntegrityResult] | Sequence[DataResult],
) -> bool:
    """Whether no row failed."""
    return all(row.passed for row in rows)


@dataclass(frozen=True)
class ValidationReport:
    """The whole check.

    `passed` says that something was compared and that nothing failed; runners that are not here
    are in `unavailable` and do not count. `reference` is `pytorch` (live) or `goldens`.

    tolerance_mae, tolerance_cos_sim: those of FP32. limits: by precision that was checked, the
    limits of outputs and runners that have none of their own. data: what the pictures of a data
    set gave, where there was one. seconds: by runner, what loading and comparing took.
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
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    data: DataReport | None = None
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def exit_code(self) -> ExitCode:
        """3 when something failed, 4 when a runner is missing and may not be, else 0."""
        data = self.data.results if self.data else ()
        if not (all_passed(self.results) and all_passed(self.integrity) and all_passed(data)):
            return ExitCode.CHECK_FAILED
        if self.unavailable and not self.skip_unavailable:
            return ExitCode.MISSING_PART
        return ExitCode.DONE if self.passed else ExitCode.CHECK_FAILED
