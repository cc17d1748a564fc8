"""A smaller model against the budget's metric, on the engine that will run it."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.calibration import Sample
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.meaning import Meaning
from oxidizedvision.metrics import IDEAL
from oxidizedvision.quantize.scoring import (
    are_numbers,
    refuse_no_meaning,
    refuse_no_numbers,
    scorer,
)
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.table import load_runner

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

Arrays = dict[str, "Array"]
_SHAPES_TELL = Meaning()


@dataclass(frozen=True)
class Standing:
    """How a model did.

    metric: the mean over the samples. drop: by how much that is below FP32's. latency_ms: the
    median of these runs, one at a time, which tells roughly how models compare.
    """

    metric: float
    drop: float
    latency_ms: float


class Judge:
    """Runs models on samples and scores their outputs.

    Args:
        engine: The runner that will run the model.
        threads: Of the engine; None leaves it the processors.
        metric: A name of `metrics.METRICS`, or a function of the user's.
        folder: What a function's path starts from.
        meaning: What the outputs are, which decides where `top1` and `iou` have a meaning.
        samples: The inputs; those with `expected` are scored against that, the others against
            FP32's own outputs.

    Raises:
        OxidizedVisionError: `config` for `psnr` without a reference, and whatever keeps a function
            from being found.
    """

    def __init__(
        self,
        engine: str,
        *,
        metric: str,
        samples: Sequence[Sample],
        folder: Path = Path(),
        threads: int | None = None,
        meaning: Meaning = _SHAPES_TELL,
    ) -> None:
        self.engine = engine
        self.metric = metric
        self._threads = threads
        self._meaning = meaning
        self._samples = samples
        self._score = scorer(metric, folder, meaning)
        self._given = all(sample.expected for sample in samples)
        if metric == "psnr" and not self._given:
            raise OxidizedVisionError(
                Kind.CONFIG,
                "psnr compares with what the outputs should be, and nothing tells that",
                "Give budget.reference, or take sqnr, which compares with FP32.",
            )

    def reference(self, model: bytes) -> Standing:
        """Score the FP32 model, which all others are compared with.

        Raises:
            OxidizedVisionError: when the engine cannot run it; `input` where it gives no numbers,
                `config` where the metric gives none, or has no meaning for any output.
        """
        outputs, latency_ms = self._outputs(model)
        for sample, output in zip(self._samples, outputs, strict=True):
            refuse_no_numbers(sample.name, output)
        self._expected = [
            sample.expected or output for sample, output in zip(self._samples, outputs, strict=True)
        ]
        self._own = outputs
        refuse_no_meaning(self.metric, self._meaning, outputs[0])
        first = self._first_scores(None)
        if first == -math.inf:
            raise self._no_number("-inf", "FP32 on inputs such as " + self._samples[0].name)
        return Standing(first, 0.0, latency_ms)

    def standing(self, model: bytes, most: int | None = None) -> Standing:
        """Score a model on all samples, or on the first `most`.

        Raises:
            OxidizedVisionError: when the engine cannot run it.
        """
        outputs, latency_ms = self._outputs(model, most)
        metric = self._mean(outputs)
        base = self._first_scores(most)
        drop = base - metric if math.isfinite(metric) else math.inf
        return Standing(metric, max(0.0, drop), latency_ms)

    def _first_scores(self, most: int | None) -> float:
        """What FP32 has on the same samples."""
        if not self._given and self.metric in IDEAL:
            return IDEAL[self.metric]
        return self._mean(self._own[:most])

    def _mean(self, outputs: Sequence[Arrays]) -> float:
        sides = zip(self._samples, self._expected, outputs, strict=False)
        return statistics.fmean(self._scored(*of_one) for of_one in sides)

    def _scored(self, sample: Sample, expected: Arrays, got: Arrays) -> float:
        score = min(self._score(expected, got), _MOST)
        if not math.isnan(score):
            return score
        if are_numbers(expected) and not are_numbers(got):
            return -math.inf  # which is the model's own fault
        raise self._no_number("NaN", sample.name)

    def _no_number(self, given: str, what: str) -> OxidizedVisionError:
        return OxidizedVisionError(
            Kind.CONFIG,
            f"The metric {self.metric} gives {given} of {what}, and no model can be judged by that",
            "Let it give a finite number for whatever outputs there are; more is better.",
        )

    def _outputs(self, model: bytes, most: int | None = None) -> tuple[list[Arrays], float]:
        config = RunnerConfig(model, threads=self._threads, name="the smaller model")
        samples = self._samples[:most]
        with load_runner(self.engine, config, apart=True) as runner:
            _timed(runner, samples[0])
            found = [_timed(runner, sample) for sample in samples]
        return [outputs for outputs, _ in found], statistics.median(ms for _, ms in found)


_MOST = 1000.0
"""An infinite number of decibels, so that means stay finite."""


def _timed(runner: Runner, sample: Sample) -> tuple[Arrays, float]:
    start = time.perf_counter()
    outputs = runner.run_named(sample.inputs)
    return outputs, (time.perf_counter() - start) * 1e3
