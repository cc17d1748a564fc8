"""Convolutions of every geometry come out as PyTorch gives them, on every engine."""

from __future__ import annotations

from pathlib import Path

import convolutions
import numpy as np
import pytest

from oxidizedvision import load
from oxidizedvision.runners import availability
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.native import NativeRunner

ENGINES = ("tract", "rten", "ort", "openvino", "onnxruntime", "wasm-tract", "wasm-rten")
# rten has convolutions of one and two axes.
LACKING = {"rten": {"volume_same"}, "wasm-rten": {"volume_same"}}


def ready(name: str) -> str:
    if not availability(name).ready:
        pytest.skip(availability(name).hint)
    return name


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("optimize", [True, False])
def test_every_geometry_is_right(name: str, optimize: bool, tmp_path: Path) -> None:
    path = tmp_path / "convolutions.onnx"
    inputs, expected = convolutions.write(path, without=LACKING.get(ready(name), set()))
    with load(path, runner=name, optimize=optimize) as loaded:
        got = loaded.run_named(inputs)
    for output, array in expected.items():
        np.testing.assert_allclose(got[output], array, atol=1e-4, err_msg=output)


def test_tract_lays_patches_out_in_vectors(tmp_path: Path) -> None:
    """But for depthwise kernels, which it has a loop for, and small ones."""
    path = tmp_path / "convolutions.onnx"
    inputs, _ = convolutions.write(path)
    with NativeRunner(ready("tract"), RunnerConfig(path, threads=1)) as runner:
        nodes = runner.profile_named(inputs, 1)
    assert nodes is not None
    assert not any("lazy" in node.op_type.lower() for node in nodes)
    laid = {origin for node in nodes if node.op_type == "Patches" for origin in node.origins}
    assert {"same_convolution", "strided_convolution", "groups_convolution"} <= laid
