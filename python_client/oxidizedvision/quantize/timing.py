"""The smaller model beside FP32, by the benchmark's own harness."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from oxidizedvision.benchmark import BenchmarkOptions
from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.plan import settings
from oxidizedvision.benchmark.report import BenchmarkResult
from oxidizedvision.benchmark.verb import measured
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.quantize.report import Timing
from oxidizedvision.quantize.request import QuantizeRequest
from oxidizedvision.runners.request import granted_threads

_PROCESSES = 3


def timed(
    request: QuantizeRequest,
    small: bytes,
    shapes: Mapping[str, Sequence[int]],
    notify: Notify = silent,
) -> Timing:
    """How a smaller model compares with FP32 on the engine that will run it.

    Args:
        request: The model and its engine.
        small: The smaller model.
        shapes: Of the inputs that both are timed on, by name.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `check_failed` when the engine cannot run it.
    """
    before, after = timed_together(request, {request.precision: small}, shapes, notify=notify)
    return timing_of(before, after)


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
    threads = request.threads or granted_threads()
    where = dataclasses.replace(request.where, shapes=shapes)
    batch_size = next((shape[0] for shape in shapes.values() if len(shape)), 1)
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-timing-") as name:
        candidates = [
            Candidate(
                request.engine,
                threads,
                batch_size,
                model=str(_written(Path(name) / f"{index}.onnx", content)),
                variant=variant,
            )
            for index, (variant, content) in enumerate({"FP32": request.base, **forms}.items())
        ]
        options = BenchmarkOptions(
            processes=processes, most_processes=2 * processes, threads=threads
        )
        report = measured(where, candidates, settings(options, None), notify=notify)
    if len(report.results) != len(candidates):
        failures = [row.message for row in report.failures]
        reason = "; ".join(failures) or "it is not here"
        raise OxidizedVisionError(
            Kind.CHECK_FAILED,
            f"{request.engine} cannot run the model: {reason}",
            "Choose another engine with --engine.",
        )
    return report.results


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
        verdict=versus.verdict,
        threads=after.threads,
    )


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
