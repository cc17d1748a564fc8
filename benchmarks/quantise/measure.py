"""One model made smaller by us and by others, all judged and timed alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.quantise.models import Model
from benchmarks.quantise.peers import CONTROLLED, PLAIN, PeerError, Peers
from oxidizedvision.calibration import SampleSource, load_samples
from oxidizedvision.config import CalibrationConfig
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.onnx_file import decode_onnx
from oxidizedvision.optimize import QuantizeOptions, optimize
from oxidizedvision.profile import profile
from oxidizedvision.quantize.graphs import weight_bytes
from oxidizedvision.quantize.judge import Judge
from oxidizedvision.quantize.request import QuantizeRequest
from oxidizedvision.quantize.timing import timed
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.table import availability, load_runner
from oxidizedvision.runners.target import resolve

ENGINES = ("ort", "openvino")
OURS = "ours"
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

    def ours(self, precision: str, engine: str) -> Row:
        """What `optimize` makes."""
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
            return {**found, "kept": False, "reason": report.reason}
        judged = self._row(target.read_bytes(), precision, engine)
        return {**found, **judged, "kept": True, "float_layers": len(report.float_layers)}

    def theirs(self, name: str, peers: Peers, engine: str = ENGINES[0]) -> Row:
        """What a peer makes, on an engine."""
        start = time.monotonic()
        found: Row = {"by": name, "engine": engine, "precision": "int8", "form": "static"}
        try:
            content = peers.made(name, self.model, self._folder)
            judged = self._row(content, "int8", engine)
        except (PeerError, OxidizedVisionError) as error:
            return {**found, "kept": False, "reason": str(error)}
        seconds = round(time.monotonic() - start, 1)
        return {**found, **judged, "kept": True, "seconds": seconds}

    def _row(self, content: bytes, precision: str, engine: str) -> Row:
        """Metric, bytes and latency against FP32."""
        budget = self.model.budget
        judge = Judge(engine, metric=budget.metric, samples=self._judged)
        reference = judge.reference(self._base)
        standing = judge.standing(content)
        request = QuantizeRequest(self._where, self._base, precision, engine, self._source)
        timing = timed(request, content, self._shapes)
        return {
            "metric": standing.metric,
            "fp32_metric": reference.metric,
            "drop": standing.drop,
            "keeps": standing.drop <= budget.drop,
            "bytes": len(content),
            "file_ratio": len(content) / len(self._base),
            "weight_ratio": _weights(content) / _weights(self._base),
            "latency_ratio": timing.ratio,
            "latency_interval": list(timing.interval),
            "verdict": timing.verdict,
            "fp32_ms": timing.fp32_ms,
        }

    def rows(self, peers: Peers) -> list[Row]:
        """Everything that is measured of this model."""
        found = []
        for engine in (name for name in ENGINES if availability(name).ready):
            for precision in ("int8", "fp16"):
                self._say(f"{self.model.name}: {precision} for {engine}")
                found.append(self.ours(precision, engine))
        for name in (PLAIN, CONTROLLED):
            self._say(f"{self.model.name}: {name}")
            found.append(self.theirs(name, peers))
        return found


def _weights(content: bytes) -> int:
    return weight_bytes(decode_onnx(content, Path("model")))
