"""The block `validation`: when an output counts as equal to PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, field_validator

from oxidizedvision.config.nearest import nearest
from oxidizedvision.config.part import Finite, Part, Share
from oxidizedvision.core.engines import RUNNER_NAMES

DEFAULT_LIMITS: dict[str, dict[str, float]] = {
    "fp32": {"mae": 1e-5, "cos_sim": 0.999},
    "fp16": {"cos_sim": 0.999},
    "int8": {"cos_sim": 0.99},
}
"""By precision, what holds where nothing is written."""


class LimitRow(Part):
    """What an output is held to; null inherits."""

    mae: Finite | None = Field(default=None, ge=0, description="Largest mean absolute error.")
    cos_sim: Finite | None = Field(
        default=None, ge=-1, le=1, description="Smallest cosine similarity."
    )
    max_error: Finite | None = Field(
        default=None, ge=0, description="Largest difference of a single value."
    )
    sqnr_db: Finite | None = Field(
        default=None, description="Smallest signal-to-quantisation-noise ratio in dB."
    )
    psnr_db: Finite | None = Field(
        default=None, description="Smallest peak signal-to-noise ratio in dB."
    )
    top1: Share | None = Field(
        default=None, description="Smallest share of equal best classes, 0 to 1."
    )
    top5: Share | None = Field(
        default=None, description="Smallest share of best classes among the best five, 0 to 1."
    )
    iou: Share | None = Field(
        default=None, description="Smallest intersection over union of masks, 0 to 1."
    )

    @property
    def written(self) -> dict[str, float]:
        """The limits that the user wrote."""
        values = {name: getattr(self, name) for name in LIMITS}
        return {name: value for name, value in values.items() if value is not None}


LIMITS: tuple[str, ...] = tuple(LimitRow.model_fields)
"""The keys of a row."""

Rows = dict[str, LimitRow]


class PrecisionLimits(LimitRow):
    """What the outputs of a file of this precision are held to; null inherits."""

    outputs: Rows = Field(
        default_factory=dict,
        description="By output, the keys above for that output; they win over those above.",
    )
    engines: Rows = Field(
        default_factory=dict,
        description="By runner, the keys above for that runner; they win over those of outputs.",
    )

    @field_validator("engines")
    @classmethod
    def _are_runners(cls, value: Rows) -> Rows:
        for name in value:
            if name not in RUNNER_NAMES:
                raise ValueError(f"unknown runner {name!r}{nearest(name, RUNNER_NAMES)}")
        return value

    def overridden(self, given: Mapping[str, float]) -> Self:
        """A copy in which these limits hold for every output and engine."""
        changed = {
            field: {name: _without(row, given) for name, row in rows.items()}
            for field, rows in (("outputs", self.outputs), ("engines", self.engines))
        }
        return self.model_copy(update={**given, **changed})


def _without(row: LimitRow, given: Mapping[str, float]) -> LimitRow:
    return LimitRow(**{name: value for name, value in row.written.items() if name not in given})


class ToleranceConfig(Part):
    """Limits by the precision of the file that a runner reads."""

    fp32: PrecisionLimits = Field(
        default_factory=PrecisionLimits,
        description="Of FP32 files and of PyTorch itself; mae and cos_sim that are not written "
        "are tolerance_mae and tolerance_cos_sim.",
    )
    fp16: PrecisionLimits = Field(
        default_factory=PrecisionLimits,
        description="Of FP16 files; cos_sim is 0.999 where it is not written.",
    )
    int8: PrecisionLimits = Field(
        default_factory=PrecisionLimits,
        description="Of INT8 files; cos_sim is 0.99 where it is not written.",
    )


_FLAGS = {"tolerance_mae": "mae", "tolerance_cos_sim": "cos_sim"}


class ValidationConfig(Part):
    """When an output counts as equal to PyTorch's, and the inputs that are tried."""

    num_tests: int = Field(default=1, ge=1, description="How many seeded random inputs are tried.")
    inputs: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=list,
        description="Files that are tried as well: .npy for a network of one input, .npz or "
        ".safetensors with an array for each input, and pictures, which go through preprocess. "
        "Looked for beside the config, then in the current folder.",
    )
    tolerance_mae: Finite = Field(
        default=DEFAULT_LIMITS["fp32"]["mae"],
        ge=0,
        description="Largest mean absolute error that passes, of FP32 files.",
    )
    tolerance_cos_sim: Finite = Field(
        default=DEFAULT_LIMITS["fp32"]["cos_sim"],
        ge=-1,
        le=1,
        description="Smallest cosine similarity that passes, of FP32 files.",
    )
    tolerances: ToleranceConfig = Field(default_factory=ToleranceConfig)

    @property
    def fp32_limits(self) -> tuple[float, float]:
        """The largest MAE and the smallest cosine similarity that pass, of FP32 files.

        Those of `tolerances.fp32` win over `tolerance_mae` and `tolerance_cos_sim`.
        """
        row = self.tolerances.fp32
        mae = self.tolerance_mae if row.mae is None else row.mae
        return mae, self.tolerance_cos_sim if row.cos_sim is None else row.cos_sim

    def overridden(self, **given: float) -> Self:
        """A copy in which `tolerance_mae` and `tolerance_cos_sim` win over every other row."""
        limits = {_FLAGS[name]: value for name, value in given.items()}
        rows = {
            name: getattr(self.tolerances, name).overridden(limits)
            for name in ToleranceConfig.model_fields
        }
        return self.model_copy(update={**given, "tolerances": ToleranceConfig(**rows)})
