"""The blocks `optimize`, `calibration` and `budget`: how a model gets smaller, and how far."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from oxidizedvision.config.nearest import meant
from oxidizedvision.config.part import Finite, Part

Quantize = Literal["int8", "int8-dynamic", "fp16"]
CalibrationMethod = Literal["search", "minmax", "entropy", "percentile"]
DROPS = {"cosine": 0.01, "sqnr": 20.0, "psnr": 0.2, "top1": 0.01, "iou": 0.03}
"""How far each metric may fall where nothing is written: of sqnr, below 40 dB."""

METRICS = tuple(DROPS)
"""What `budget.metric` may say beside a function of the user's."""

COSTS = ("latency_ms", "first_result_ms", "size_mb", "peak_mib")

FUNCTION_REFERENCE = re.compile(r"(?P<where>[^:]+\.py|[A-Za-z_][\w.]*):(?P<name>[A-Za-z_]\w*)")
"""`file.py:function` or `package.module:function`."""


class OptimizeConfig(Part):
    """What `optimize` does to the ONNX graph."""

    simplify: bool = Field(default=True, description="Remove and fuse nodes.")
    simplifier: Literal["onnxslim", "onnxsim"] = Field(
        default="onnxslim", description="What simplifies; onnxsim must be installed beside."
    )
    quantize: Quantize | None = Field(
        default=None,
        description="A smaller precision: int8 (calibrated), int8-dynamic, fp16, or null.",
    )
    constant_folding: bool = Field(default=True, description="Compute constant parts once.")


class CalibrationConfig(Part):
    """The inputs that INT8 is calibrated on, and how their ranges are taken."""

    data: str | None = Field(
        default=None,
        description="A folder of pictures, which go through preprocess, an .npy or .npz file, or "
        "file.py:function, a generator of inputs; relative to the config.",
    )
    method: CalibrationMethod = Field(
        default="search",
        description="How the range of a tensor is taken: minmax, entropy, percentile, or search, "
        "which tries them and takes the best by the budget's metric.",
    )
    percentile: Finite = Field(
        default=99.99, gt=50, le=100, description="Of the values that percentile keeps in range."
    )
    samples: int = Field(default=64, ge=1, description="How many inputs are used at most.")
    per_channel: bool = Field(
        default=True, description="A scale for each output channel of a weight; needs opset 13."
    )
    random: bool = Field(
        default=False,
        description="Calibrate on random numbers, which says nothing about real pictures.",
    )


Limit = Annotated[Finite, Field(gt=0)]


class BudgetConfig(Part):
    """What the model may cost, and how far a smaller precision may move its answers.

    One candidate must keep every limit that is written.
    """

    metric: str = Field(
        default="cosine",
        description="What FP16 and INT8 are judged by: cosine, sqnr (dB), psnr (dB), top1, iou, or "
        "file.py:function, which gets expected and got and gives a number; more is better.",
    )
    max_drop: Finite | None = Field(
        default=None,
        ge=0,
        description="By how much the metric may fall below that of FP32; null allows "
        f"{', '.join(f'{drop:g} of {name}' for name, drop in DROPS.items())}.",
    )
    data: str | None = Field(
        default=None,
        description="Inputs that the metric is taken on, as calibration.data; null takes those of "
        "calibration.data that calibration leaves over, and the goldens.",
    )
    reference: str | None = Field(
        default=None,
        description="What the outputs should be: a folder with files of the inputs' names, or an "
        ".npy or .npz file; null takes the FP32 model's own outputs.",
    )

    latency_ms: Limit | None = Field(
        default=None, description="Milliseconds of a typical (median) run of the row's batch."
    )
    first_result_ms: Limit | None = Field(
        default=None,
        description="Milliseconds from a process without the model to the first result: loading "
        "the model and one run.",
    )
    size_mb: Limit | None = Field(
        default=None,
        description="Megabytes (1,000,000 bytes) of the model's file; of a packaged program the "
        "executable.",
    )
    peak_mib: Limit | None = Field(
        default=None, description="MiB of memory that the process may ever hold."
    )

    @property
    def limits(self) -> dict[str, float]:
        """What costs are limited, by key, in the order above."""
        costs = ((name, getattr(self, name)) for name in COSTS)
        return {name: limit for name, limit in costs if limit is not None}

    @property
    def drop(self) -> float:
        """By how much the metric may fall."""
        return DROPS.get(self.metric, 0.0) if self.max_drop is None else self.max_drop

    @field_validator("metric")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in METRICS and not FUNCTION_REFERENCE.fullmatch(value):
            known = f"expected {', '.join(METRICS)} or file.py:function"
            raise ValueError(f"{known}, found {value!r}{meant(value, METRICS)}")
        return value
