"""What cannot come to an end is refused before the model is so much as read."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxidizedvision.config import BudgetConfig
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.optimize import QuantizeOptions, optimize


@pytest.mark.parametrize("engine", ["tch", "pytorch", "torchscript", "program"])
def test_an_engine_that_reads_no_onnx(tmp_path: Path, engine: str) -> None:
    with pytest.raises(OxidizedVisionError, match=f"^{engine} cannot run what comes") as caught:
        optimize(
            tmp_path / "none.onnx", quantize="int8", quantization=QuantizeOptions(engine=engine)
        )
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert "tract, rten, ort" in caught.value.hint


def test_an_engine_that_is_not_here(tmp_path: Path) -> None:
    options = QuantizeOptions(engine="tensorrt")
    with pytest.raises(OxidizedVisionError) as caught:
        optimize(tmp_path / "none.onnx", quantize="fp16", quantization=options)
    assert caught.value.kind is Kind.BACKEND_UNAVAILABLE


def test_no_engine_matters_without_a_smaller_precision(tmp_path: Path) -> None:
    options = QuantizeOptions(engine="tch")
    with pytest.raises(OxidizedVisionError) as caught:
        optimize(tmp_path / "none.onnx", quantization=options)
    assert caught.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize(("metric", "near"), [("cosin", "cosine"), ("top5", "top1"), ("nope", "")])
def test_a_metric_that_there_is_not(metric: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"found {metric!r}") as caught:
        BudgetConfig(metric=metric)
    meant = f"did you mean {near!r}?" if near else "cosine, sqnr, psnr, top1, iou or file.py"
    assert meant in str(caught.value)
