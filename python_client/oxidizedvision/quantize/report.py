"""What became of a model in a smaller precision, with everything that was tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trial:
    """One form that was tried.

    name: what it is, in words. float_layers: how many of the layers compute in float. weight_bytes:
    of the constants with two axes or more. metric, drop: the budget's, on the engine. latency_ms: a
    rough one, from the runs that were scored. keeps: whether the metric keeps the budget. pareto:
    whether no other trial is both nearer to FP32 and smaller or faster. failed: why it gave
    nothing; the figures are None then.
    """

    name: str
    float_layers: int = 0
    bytes: int | None = None
    weight_bytes: int | None = None
    metric: float | None = None
    drop: float | None = None
    latency_ms: float | None = None
    keeps: bool = False
    pareto: bool = False
    failed: str = ""


@dataclass(frozen=True)
class LayerSensitivity:
    """How far a layer alone moves the metric, computed in INT8 while all others stay in float.

    state: `int8` or `float` in the model that came out.
    """

    layer: str
    module: str
    op_type: str
    drop: float | None
    state: str


TOO_SHORT = "too short to compare"
"""The verdict where a run takes so little that chance decides which of two is faster."""


@dataclass(frozen=True)
class Timing:
    """The smaller model beside FP32 on the same engine, in turns.

    fp32_ms: FP32's median. ms: that times the ratio.
    ratio: of its typical latency to that of FP32, below 1 it is faster; interval: its 95 %
    confidence interval. verdict: `faster`, `slower`, `no significant difference`, or `too short to
    compare` where runs of both take less than a tenth of a millisecond.
    """

    fp32_ms: float
    ms: float
    ratio: float
    interval: tuple[float, float]
    verdict: str
    threads: int

    @property
    def is_slower(self) -> bool:
        """Whether it takes longer than FP32: by the verdict, or by 0.01 over the whole interval."""
        told_apart = self.verdict != TOO_SHORT and round(self.interval[0], 2) > 1
        return self.verdict == "slower" or told_apart


@dataclass(frozen=True)
class QuantizationReport:
    """A smaller precision of a model.

    precision: `int8` or `fp16`. form: `static` or `dynamic` INT8, `compute` FP16, or `weights`:
    only these are small, and the engine computes in float. kept: whether it came out, which
    `reason` explains. int8_nodes: how many nodes the engine computes in INT8; None where it does
    not tell. float_layers: layers that stay in float, by node. notes: what the reader should know.
    samples: inputs that it was calibrated on. judged: those that the metric was taken on.
    """

    precision: str
    form: str
    engine: str
    kept: bool
    reason: str
    metric: str
    max_drop: float
    fp32_metric: float | None
    drop: float | None
    calibration: str
    samples: int
    bytes_before: int
    bytes_after: int
    weight_bytes_before: int
    weight_bytes_after: int
    int8_nodes: int | None
    layers: int
    float_layers: tuple[str, ...]
    trials: tuple[Trial, ...]
    sensitivity: tuple[LayerSensitivity, ...]
    timing: Timing | None
    notes: tuple[str, ...] = ()
    judged: int = 0

    @property
    def parameters(self) -> dict[str, Any]:
        """What the manifest keeps of how it was made."""
        return {
            "form": self.form,
            "engine": self.engine,
            "calibration": self.calibration,
            "samples": self.samples,
            "float_layers": list(self.float_layers),
        }
