"""The smaller model beside FP32, by the benchmark's own harness."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oxidizedvision.benchmark import BenchmarkOptions
from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.plan import settings
from oxidizedvision.benchmark.report import BenchmarkResult
from oxidizedvision.benchmark.verb import measured
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.quantize.report import TOO_SHORT, Timing
from oxidizedvision.quantize.request import QuantizeRequest
from oxidizedvision.runners.request import granted_threads

_PROCESSES, _SURE_PROCESSES = 3, 5

SHORT_MS = 0.1
"""Of a run: below, where a process happens to lie in memory makes more than INT8 does."""


def timed(
    request: QuantizeRequest,
    forms: Mapping[str, bytes],
    shapes: Mapping[str, Sequence[int]],
    notify: Notify = silent,
    sure: bool = False,
) -> dict[str, Timing | OxidizedVisionError]:
    """How smaller models compare with FP32 on the engine that will run them, all in turns.

    Args:
        request: The model and its engine.
        forms: The smaller models, by a name for each.
        shapes: Of the inputs that all are timed on, by name.
        notify: Told what is being done.
        sure: Measure as long as a benchmark does, and no less where it is soon told which of two
            is faster.

    Returns:
        By name the timing, or why the engine cannot run it.
    """
    processes, how = (_SURE_PROCESSES, _LONG) if sure else (_PROCESSES, _QUICK)
    rows, reason = _measured(request, forms, shapes, processes, how, notify)
    before = rows.get(_FP32)
    failure = OxidizedVisionError(Kind.CHECK_FAILED, reason, "Choose another engine with --engine.")
    return {
        name: timing_of(before, rows[name]) if before and name in rows else failure
        for name in forms
    }


def timed_together(
    request: QuantizeRequest,
    forms: Mapping[str, bytes],
    shapes: Mapping[str, Sequence[int]],
    *,
    processes: int = _PROCESSES,
    notify: Notify = silent,
) -> tuple[BenchmarkResult, ...]:
    """FP32, which the others are compared with, and smaller models in their order, in turns.

    Args:
        request: The model and its engine.
        forms: The smaller models, by a name for each.
        shapes: Of the inputs that all are timed on, by name.
        processes: Fresh processes of each, and up to twice as many.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `check_failed` when the engine cannot run one of them.
    """
    rows, reason = _measured(request, forms, shapes, processes, {}, notify)
    if len(rows) <= len(forms):
        raise OxidizedVisionError(Kind.CHECK_FAILED, reason, "Choose another engine with --engine.")
    return tuple(rows[name] for name in (_FP32, *forms))


_FP32 = "FP32"
_LONG: Mapping[str, Any] = {"short_ms": SHORT_MS}
_QUICK: Mapping[str, Any] = {**_LONG, "decides": True}


def _measured(
    request: QuantizeRequest,
    forms: Mapping[str, bytes],
    shapes: Mapping[str, Sequence[int]],
    processes: int,
    how: Mapping[str, Any],
    notify: Notify,
) -> tuple[dict[str, BenchmarkResult], str]:
    """The rows of FP32 and of the forms by name, and why some are missing."""
    threads = request.threads or granted_threads()
    where = dataclasses.replace(request.where, shapes=shapes)
    batch_size = next((shape[0] for shape in shapes.values() if len(shape)), 1)
    options = BenchmarkOptions(processes=processes, most_processes=2 * processes, threads=threads)
    chosen = settings(options, None)
    chosen = dataclasses.replace(chosen, plan=dataclasses.replace(chosen.plan, **how))
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-timing-") as name:
        candidates = [
            Candidate(
                request.engine,
                threads,
                batch_size,
                model=str(_written(Path(name) / f"{index}.onnx", content)),
                variant=variant,
            )
            for index, (variant, content) in enumerate({_FP32: request.base, **forms}.items())
        ]
        report = measured(where, candidates, chosen, notify=notify)
    told = "; ".join(row.message for row in report.failures) or "it is not here"
    reason = f"{request.engine} cannot run the model: {told}"
    return {row.variant: row for row in report.results}, reason


def timing_of(before: BenchmarkResult, after: BenchmarkResult) -> Timing:
    """A smaller model's row against that of FP32, its time by the ratio that was measured in turns.

    The two medians over all runs need not be as far apart as that.
    """
    versus = after.versus
    assert versus is not None  # noqa: S101 - the reference is the first row
    low, high = versus.interval
    return Timing(
        fp32_ms=before.p50_ms,
        ms=before.p50_ms / versus.speedup,
        ratio=1 / versus.speedup,
        interval=(1 / high if high else float("inf"), 1 / low if low else float("inf")),
        verdict=TOO_SHORT if max(map(_fast_ms, (before, after))) < SHORT_MS else versus.verdict,
        threads=after.threads,
    )


def _fast_ms(row: BenchmarkResult) -> float:
    """What the fastest tenth of runs stays within: other work on the machine hardly changes it."""
    return row.percentiles_ms[10]


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
