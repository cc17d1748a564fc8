"""The trained denoiser in a smaller precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oxidizedvision.config import BudgetConfig, CalibrationConfig
from oxidizedvision.optimize import OptimizeResult, QuantizeOptions, optimize
from oxidizedvision.runners.table import availability

ENGINE = "ort"
needs_engine = pytest.mark.skipif(not availability(ENGINE).ready, reason=f"{ENGINE} is not here")


def int8(
    project: Path, *, metric: str = "psnr", max_drop: float = 0.2, **more: Any
) -> OptimizeResult:
    method = more.pop("method", "percentile")
    options = QuantizeOptions(
        engine=more.pop("engine", ENGINE),
        threads=1,
        calibration=CalibrationConfig(
            data=more.pop("data", "pairs.py:pairs"), method=method, **more.pop("calibration", {})
        ),
        budget=BudgetConfig(metric=metric, max_drop=max_drop),
        folder=project,
        force=more.pop("force", False),
    )
    return optimize(
        project / "out" / "denoiser.onnx",
        quantize=more.pop("quantize", "int8"),
        quantization=options,
        **more,
    )
