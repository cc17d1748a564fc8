"""Documents as the verbs write them, with figures that were made up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made_report import report_of, row_of

from oxidizedvision.benchmark.report import BenchmarkResult
from oxidizedvision.core.results import to_plain

Plain = dict[str, Any]


def windows(typical_ms: float, spread: float, seed: int, processes: int = 5) -> Any:
    """Window medians: processes that differ by about `spread`, and windows in them by less."""
    generator = np.random.default_rng(seed)
    of_processes = typical_ms * np.exp(generator.normal(0, spread, processes))
    noise = np.exp(generator.normal(0, spread / 5, (processes, 8)))
    return tuple(map(tuple, (of_processes[:, None] * noise).tolist()))


def measured(runner: str, typical_ms: float, *, spread: float = 0.002, **known: Any) -> Any:
    """A row with windows of so much spread; other seeds for other names and times."""
    seed = known.pop("seed", int(typical_ms * 1000) + sum(map(ord, runner)))
    return row_of(runner, typical_ms, windows_ms=windows(typical_ms, spread, seed), **known)


def benchmark_of(*rows: BenchmarkResult, **known: Any) -> Plain:
    """The document of `benchmark --json`."""
    document: Plain = to_plain(report_of(*rows, **known))
    return document


def check_of(runner: str, *, passed: bool = True, mae: float = 1e-7, **known: Any) -> Plain:
    """A row of a validation."""
    plain = {
        "runner": runner,
        "engine_version": "1.2",
        "output": "output",
        "cases": 3,
        "worst_case": "random-0",
        "mae": mae,
        "rmse": mae,
        "max_error": mae * 10,
        "cosine_similarity": 1.0,
        "passed": passed,
        "reason": "" if passed else "MAE is too large",
    }
    return {**plain, **known}


def report_document(
    benchmark: Plain, checks: Sequence[Plain] = (), files: dict[str, int] | None = None
) -> Plain:
    """The `report.json` of `run`, as far as anybody compares it."""
    spec = {"name": "input", "dtype": "f32", "dims": ["batch", 3, 8, 8]}
    sizes = files if files is not None else {"ONNX": 92_800}
    return {
        "schema_version": 1,
        "oxidizedvision": "0.1.0",
        "model": {"name": "net", "inputs": [spec], "outputs": [{**spec, "name": "output"}]},
        "passed": True,
        "validation": {
            "passed": True,
            "tolerance_mae": 1e-5,
            "tolerance_cos_sim": 0.999,
            "results": list(checks),
        },
        "benchmark": benchmark,
        "files": [{"name": name, "file": name, "bytes": size} for name, size in sizes.items()],
    }


def written(path: Path, document: Any) -> Path:
    """The document as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
