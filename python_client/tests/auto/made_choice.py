"""Figures that are made up in place of measuring, and validations that nobody ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from made_report import report_of, row_of

from oxidizedvision.benchmark.candidate import Candidate, names
from oxidizedvision.benchmark.report import BenchmarkFailure, BenchmarkResult
from oxidizedvision.core.errors import Kind
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import SUFFIX, update_manifest
from oxidizedvision.runners import availability

ENGINES = ("tract", "rten")
Figures = Callable[[Candidate], dict[str, Any]]


@dataclass
class Stub:
    """Stands in for `measured`: `figures` gives a candidate's, or raises KeyError for a failure."""

    figures: Figures
    calls: list[list[Candidate]] = field(default_factory=list)

    def __call__(self, _: Any, candidates: Sequence[Candidate], *__: Any, **___: Any) -> Any:
        self.calls.append(list(candidates))
        rows, failures = [], []
        for candidate, name in zip(candidates, names(candidates), strict=True):
            try:
                rows.append(self._row(candidate, name))
            except KeyError as error:
                failures.append(BenchmarkFailure(name, Kind.ENGINE_FAILED, str(error), ""))
        return report_of(*rows, failures=tuple(failures))

    def _row(self, candidate: Candidate, name: str) -> BenchmarkResult:
        known = {
            "threads": candidate.threads,
            "batch_size": candidate.batch_size,
            "variant": candidate.variant,
            **self.figures(candidate),
        }
        return row_of(candidate.runner, name=name, **known)


def row(runner: str, *, passed: bool = True) -> dict[str, Any]:
    """A row of a validation."""
    return {
        "runner": runner,
        "engine_version": availability(runner).version,
        "output": "output",
        "cases": 3,
        "passed": passed,
        "reason": "" if passed else "golden/0: mean error 0.5 is above 1e-05",
    }


def validated(path: Path, *rows: dict[str, Any], **changes: Any) -> Path:
    """Write a validation of the model's files into a manifest."""
    onnx = path.with_name(path.name.replace(SUFFIX, ".onnx"))
    summary = {
        "tolerance_mae": 1e-5,
        "tolerance_cos_sim": 0.999,
        "files": {onnx.name: sha256_of(onnx)},
        "results": list(rows),
        "integrity": [],
        **changes,
    }
    update_manifest(path, lambda m: m.model_copy(update={"validation": summary}))
    return path
