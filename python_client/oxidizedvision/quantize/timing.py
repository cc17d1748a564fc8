"""The smaller model beside FP32, by the benchmark's own harness."""

from __future__ import annotations

import tempfile
from pathlib import Path

from oxidizedvision.benchmark import BenchmarkOptions
from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.plan import settings
from oxidizedvision.benchmark.verb import measured
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.quantize.report import Timing
from oxidizedvision.quantize.request import QuantizeRequest
from oxidizedvision.runners.request import granted_threads

_PROCESSES, _MOST_PROCESSES = 3, 6


def timed(request: QuantizeRequest, small: bytes, notify: Notify = silent) -> Timing:
    """How a smaller model compares with FP32 on the engine that will run it.

    Raises:
        OxidizedVisionError: `check_failed` when the engine cannot run it.
    """
    threads = request.threads or granted_threads()
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-timing-") as name:
        candidates = [
            _candidate(request, Path(name), variant, content, threads)
            for variant, content in (("FP32", request.base), (request.precision, small))
        ]
        options = BenchmarkOptions(
            processes=_PROCESSES, most_processes=_MOST_PROCESSES, threads=threads
        )
        report = measured(request.where, candidates, settings(options, None), notify=notify)
    if len(report.results) != len(candidates):
        failures = [row.message for row in report.failures]
        reason = "; ".join(failures) or "it is not here"
        raise OxidizedVisionError(
            Kind.CHECK_FAILED,
            f"{request.engine} cannot run the model: {reason}",
            "Choose another engine with --engine.",
        )
    before, after = report.results
    versus = after.versus
    assert versus is not None  # noqa: S101 - the reference is the first row
    low, high = versus.interval
    return Timing(
        fp32_ms=before.p50_ms,
        ms=after.p50_ms,
        ratio=1 / versus.speedup,
        interval=(1 / high if high else float("inf"), 1 / low if low else float("inf")),
        verdict=versus.verdict,
        threads=threads,
    )


def _candidate(
    request: QuantizeRequest, folder: Path, variant: str, content: bytes, threads: int
) -> Candidate:
    path = folder / f"{variant}.onnx"
    path.write_bytes(content)
    return Candidate(request.engine, threads, 1, model=str(path), variant=variant)
