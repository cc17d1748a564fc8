"""One side of a comparison: the figures of a model, wherever they were read from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oxidizedvision.diff.report import SideSummary

Key = tuple[str, str, int, int]
"""Runner, variant, threads and batch."""

_SWEPT = re.compile(r"\d+ threads?|batch \d+")


@dataclass(frozen=True)
class Row:
    """A row of a benchmark.

    windows_ms: medians of windows by process, loads_ms and first_results_ms: one a process; empty
    where the report is too old to have them.
    """

    name: str
    runner: str
    threads: int
    batch_size: int
    engine_version: str
    device: str
    p50_ms: float
    load_ms: float | None
    first_result_ms: float | None
    peak_rss_mib: float | None
    model_bytes: int
    windows_ms: tuple[tuple[float, ...], ...] = ()
    loads_ms: tuple[float, ...] = ()
    first_results_ms: tuple[float, ...] = ()

    @property
    def variant(self) -> str:
        """What its name says beside runner, threads and batch."""
        parts = self.name.removeprefix(self.runner).split(", ")
        return ", ".join(part for part in parts if part and not _SWEPT.fullmatch(part))

    @property
    def key(self) -> Key:
        """What it is the row of, whether or not the benchmark was a sweep."""
        return self.runner, self.variant, self.threads, self.batch_size


@dataclass(frozen=True)
class Check:
    """One output of one runner in a validation; errors are None where nothing was comparable."""

    runner: str
    output: str
    passed: bool
    mae: float | None
    max_error: float | None
    reason: str = ""


@dataclass(frozen=True)
class Side:
    """The figures of one model.

    machine: as `benchmark.machine.fingerprint`, empty where nothing was measured. floor: of the
    A/A measurement. errors: by runner, the largest error of the last validation, where only that
    is known. files: bytes by what the file is. failures: why a row has no figures.
    tolerance: of the validation, by name. notes: what is odd about this side, in words.
    """

    summary: SideSummary
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)
    floor: float | None = None
    rows: tuple[Row, ...] = ()
    checks: tuple[Check, ...] = ()
    errors: Mapping[str, float] = field(default_factory=dict)
    tolerance: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def worst_errors(self) -> Mapping[str, float]:
        """The largest error by runner, from whatever tells it."""
        if not self.checks:
            return self.errors
        known: dict[str, float] = {}
        for check in self.checks:
            if check.max_error is not None:
                known[check.runner] = max(check.max_error, known.get(check.runner, 0.0))
        return known


def paired(a: Side, b: Side) -> list[tuple[Row | None, Row | None]]:
    """The rows of both sides by what they are of; those of one side only last.

    A row that finds none of its own threads is paired with the one of its name and batch.
    """
    theirs = {row.key: row for row in b.rows}
    found: list[tuple[Row | None, Row | None]] = []
    lonely: list[Row] = []
    for row in {row.key: row for row in a.rows}.values():
        if row.key in theirs:
            found.append((row, theirs.pop(row.key)))
        else:
            lonely.append(row)
    for row in lonely:
        other = next(
            (t for t in theirs.values() if (t.name, t.batch_size) == (row.name, row.batch_size)),
            None,
        )
        if other is not None:
            del theirs[other.key]
        found.append((row, other))
    return [*found, *((None, row) for row in theirs.values())]
