"""What became of a model in every engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from oxidizedvision.core.errors import ExitCode


@dataclass(frozen=True)
class Trial:
    """A model in one engine, in one of the precisions that it can be asked for.

    `status` is `works`, `differs` (it runs, and not as PyTorch did when the goldens were
    recorded), `unavailable`, `load_error`, `run_error`, or `no_answer` when the engine's process
    died or took too long. `reason` and `hint` are empty where it works. Times are milliseconds.
    `cases` counts the goldens compared, `max_error` is the largest difference in them, None where
    there are none or shapes differ. `input_shapes` is what the first run was given.
    """

    name: str
    status: str
    precision: str = "fp32"
    version: str = ""
    load_ms: float | None = None
    first_ms: float | None = None
    cases: int = 0
    max_error: float | None = None
    input_shapes: dict[str, list[int]] = field(default_factory=dict)
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class TrialReport:
    """A model in every engine that reads one of its files."""

    name: str
    rows: tuple[Trial, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0 when the model works in an engine, else 3."""
        works = any(row.status == "works" for row in self.rows)
        return ExitCode.DONE if works else ExitCode.CHECK_FAILED
