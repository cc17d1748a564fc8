"""What a model is calibrated on, and what it is judged by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oxidizedvision.calibration import SampleSource
from oxidizedvision.config import CalibrationConfig
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.quantize.request import MOST_JUDGED, QuantizeRequest, find_inputs
from oxidizedvision.runners.target import Target


def request(folder: Path, rows: int, **calibration: Any) -> QuantizeRequest:
    np.save(folder / "inputs.npy", np.arange(rows * 2.0, dtype=np.float32).reshape(rows, 2))
    return QuantizeRequest(
        where=Target("model", None, None, None, folder / "model.onnx"),
        base=b"",
        precision="int8",
        engine="ort",
        source=SampleSource((TensorSpec("x", "f32", ("batch", 2)),), folder=folder),
        calibration=CalibrationConfig(data="inputs.npy", **calibration),
    )


def firsts(samples: Any) -> list[int]:
    """Which rows these are."""
    return [int(sample.inputs["x"][0, 0]) // 2 for sample in samples]


@pytest.mark.parametrize(("samples", "calibrated"), [(3, [0, 2, 3]), (64, [0, 2, 3, 5, 6, 8, 9])])
def test_none_is_judged_that_was_calibrated_on(
    tmp_path: Path, samples: int, calibrated: list[int]
) -> None:
    found = find_inputs(request(tmp_path, 10, samples=samples))
    assert firsts(found.judged) == [1, 4, 7]
    assert firsts(found.calibration) == calibrated


def test_few_inputs_serve_for_both(tmp_path: Path) -> None:
    found = find_inputs(request(tmp_path, 7))
    assert firsts(found.calibration) == firsts(found.judged) == [*range(7)]


def test_no_more_are_taken_than_asked_for(tmp_path: Path) -> None:
    found = find_inputs(request(tmp_path, 300, samples=20))
    assert len(found.calibration) == 20
    assert len(found.judged) <= MOST_JUDGED
    assert max(firsts(found.judged)) > 250
