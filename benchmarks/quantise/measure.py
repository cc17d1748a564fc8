"""One model made smaller by us and by others, all judged and timed alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.quantise.models import Model
from benchmarks.quantise.peers import CONTROLLED, PLAIN, PeerError, Peers
from benchmarks.quantise.report import is_slower
from oxidizedvision.benchmark.report import BenchmarkResult
from oxidizedvision.benchmark.statistics import ratio
from oxidizedvision.calibration import SampleSource, load_samples
from oxidizedvision.config import CalibrationConfig
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.optimize import QuantizeOptions, optimize
from oxidizedvision.profile import profile
from oxidizedvision.quantize.graphs import weight_bytes
from oxidizedvision.quantize.judge import Judge
from oxidizedvision.quantize.request import QuantizeRequest
from oxidizedvision.quantize.timing import timed_together, timing_of
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.table import availability, load_runner
from oxidizedvision.runners.target import resolve

ENGINES = ("ort", "openvino")
PRECISIONS = ("int8", "fp16")
OURS = "ours"
_PROCESSES = 5
Row = dict[str, Any]


class Bench:
    """A model, with the judge that all its smaller forms stand before."""

    def __init__(self, model: Model, folder: Path, say: Callable[[str], None]) -> None:
        self.model = model
        self._folder = folder
        self._say = say
        self._base = model.path.read_bytes()
        self._where = resolve(model.path)
        with load_runner(ENGINES[0], RunnerConfig(model.path), apart=True) as runner:
            self._source = SampleSource(runner.info.inputs, runner.info.outputs)
        self._judged = load_samples(str(model.budget.data), self._source)
        inputs = self._judged[0].inputs
        self._shapes = {name: array.shape for name, array in inputs.items()}
        self.macs = self._macs()

    def _macs(self) -> int | None:
        return profile(self.model.path, shapes=self._shapes, time=False).macs

    def rows(self, peers: Peers) -> list[Row]:
        """Everything that is measured of this model."""
        found = []
        for engine in (name for name in ENGINES if availability(name).ready):
            made = [self._ours(precision, engine) for precision in PRECISIONS]
            if engine == ENGINES[0]:
                made += [self._theirs(name, peers) for name in (PLAIN, CONTROLLED)]
            self._say(f"{self.model.name}: all of it in {engine}")
            found += self._timed(engine, [self._judged_row(engine, *it) for it in made])
        return found

    def _ours(self, precision: str, engine: str) -> tuple[Row, bytes | None]:
        """What `optimize` makes, or why it makes nothing."""
        self._say(f"{self.model.name}: {precision} for {engine}")
        start = time.monotonic()
        target = self._folder / f"{engine}.{precision}.onnx"
        result = optimize(
            self.model.path,
            output=target,
            quantize=precision,
            quantization=QuantizeOptions(
                engine=engine,
                calibration=CalibrationConfig(data=str(self.model.calibration)),
                budget=self.model.budget,
            ),
        )
        report = result.quantization
        assert report is not None  # noqa: S101 - one was asked for
        found = {"by": OURS, "engine": engine, "precision": precision, "form": report.form}
        found["seconds"] = round(time.monotonic() - start, 1)
        if not report.kept:
            return {**found, "reason": report.reason}, None
        return {**found, "float_layers": len(report.float_layers)}, target.read_bytes()

    def _theirs(self, name: str, peers: Peers) -> tuple[Row, bytes | None]:
        """What a peer makes, or why it makes nothing."""
        self._say(f"{self.model.name}: {name}")
        start = time.monotonic()
        found: Row = {"by": name, "engine": ENGINES[0], "precision": "int8", "form": "static"}
        try:
            content = peers.made(name, self.model, self._folder)
        except PeerError as error:
            return {**found, "reason": str(error)}, None
        return {**found, "seconds": round(time.monotonic() - start, 1)}, content

    def _judged_row(self, engine: str, row: Row, content: bytes | None) -> tuple[Row, bytes | None]:
        """Metric and bytes of what was made."""
        if content is None:
            return {**row, "kept": False}, None
        budget = self.model.budget
        judge = Judge(engine, metric=budget.metric, samples=self._judged)
        try:
            reference, standing = judge.reference(self._base), judge.standing(content)
        except OxidizedVisionError as error:
            return {**row, "kept": False, "reason": str(error)}, None
        figures = {
            "kept": True,
            "metric": standing.metric,
            "fp32_metric": reference.metric,
            "drop": standing.drop,
            "keeps": standing.drop <= budget.drop,
            "bytes": len(content),
            "file_ratio": len(content) / len(self._base),
            "weight_ratio": weight_bytes(content) / weight_bytes(self._base),
        }
        return {**row, **figures}, content

    def _timed(self, engine: str, made: Sequence[tuple[Row, bytes | None]]) -> list[Row]:
        """Latency against FP32 and against ours of the same precision, all in turns in one run."""
        forms = {
            f"{row['by']} {row['precision']}": content
            for row, content in made
            if content is not None
        }
        if not forms:
            return [row for row, _ in made]
        before, results = self._together(engine, forms, _PROCESSES)
        rows = [{**row, **_latency(row, before, results)} for row, _ in made]
        for index, (row, (_, content)) in enumerate(zip(rows, made, strict=True)):
            if content is not None and row["by"] == OURS and is_slower(row):
                name = f"{row['by']} {row['precision']}"
                self._say(f"{self.model.name}: {name} in {engine} looks slower, timed again")
                again = self._together(engine, {name: content}, 2 * _PROCESSES)
                rows[index] = {**row, **_latency(row, *again)}
        return rows

    def _together(
        self, engine: str, forms: Mapping[str, bytes], processes: int
    ) -> tuple[BenchmarkResult, dict[str, BenchmarkResult]]:
        request = QuantizeRequest(self._where, self._base, "int8", engine, self._source)
        before, *after = timed_together(request, forms, self._shapes, processes=processes)
        return before, dict(zip(forms, after, strict=True))


def _latency(row: Row, before: BenchmarkResult, results: Mapping[str, BenchmarkResult]) -> Row:
    own = results.get(f"{row['by']} {row['precision']}")
    if own is None:
        return {}
    timing = timing_of(before, own)
    found = {
        "latency_ratio": timing.ratio,
        "latency_interval": list(timing.interval),
        "verdict": timing.verdict,
        "fp32_ms": timing.fp32_ms,
    }
    ours = results.get(f"{OURS} {row['precision']}")
    if row["by"] == OURS or ours is None:
        return found
    theirs_over_ours, (low, high) = ratio(ours.windows_ms, own.windows_ms)
    return {**found, "ours_over": 1 / theirs_over_ours, "ours_over_interval": [1 / high, 1 / low]}
