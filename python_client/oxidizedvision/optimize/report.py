"""What became of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.core.errors import ExitCode
from oxidizedvision.quantize.report import QuantizationReport


@dataclass(frozen=True)
class OptimizeStep:
    """One step: what it did, or why it was undone.

    name: `simplify`, `fp16` or `int8`. kept: whether its result stays.
    """

    name: str
    kept: bool
    reason: str
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True)
class OptimizeResult:
    """What became of a model.

    output: The new file; the model's own where nothing was gained.
    max_error: Largest difference between the outputs of the file before and the simplified one.
    kept: Whether the simplified graph replaced the old one, which `reason` explains.
    precision: Of the output: `fp32`, `fp16` or `int8`.
    steps: Every step that was asked for.
    quantization: What was tried for a smaller precision, where one was asked for.
    dry_run: Whether nothing was written.
    """

    model: Path
    output: Path
    nodes_before: int
    nodes_after: int
    operators_before: dict[str, int]
    operators_after: dict[str, int]
    bytes_before: int
    bytes_after: int
    max_error: float
    kept: bool
    reason: str
    seconds: float
    precision: str = "fp32"
    steps: tuple[OptimizeStep, ...] = ()
    quantization: QuantizationReport | None = None
    dry_run: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """3 where a smaller precision was asked for and did not come out."""
        refused = self.quantization is not None and not self.quantization.kept
        return ExitCode.CHECK_FAILED if refused else ExitCode.DONE
