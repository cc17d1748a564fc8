"""Relu, Clip and MaxPool of lengths that are no multiple of a vector, as PyTorch gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

from oxidizedvision import load
from oxidizedvision.runners import availability

ENGINES = ("tract", "rten", "ort", "openvino", "onnxruntime", "wasm-tract", "wasm-rten")
LENGTHS = (1, 3, 4, 5, 31, 100_003)
# rten wants the strides, which ONNX knows without.
_POOL = {"kernel_shape": [1, 3], "pads": [0, 1, 0, 1], "strides": [1, 1]}


def write(path: Path, length: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Write the model; its input, and what PyTorch gives."""
    values = 8 * torch.randn(1, 2, 1, length, generator=torch.Generator().manual_seed(5))
    values[0, 0, 0, 0], values[0, 1, 0, -1] = 1e30, -1e30
    pooled = functional.max_pool2d(values, (1, 3), 1, (0, 1))
    expected = {
        "relu": values.relu(),
        "six": values.clamp(0, 6),
        "low": values.clamp(min=-1.5),
        "high": values.clamp(max=0.25),
        "pooled": pooled,
        # Nobody else has the product, so that it may be changed where it lies.
        "twice": (2 * values).clamp(-3, 3),
    }
    numbers = {"zero": 0, "six_": 6, "least": -1.5, "most": 0.25, "two": 2, "m3": -3, "p3": 3}
    nodes = [
        helper.make_node("Relu", ["input"], ["relu"]),
        helper.make_node("Clip", ["input", "zero", "six_"], ["six"]),
        helper.make_node("Clip", ["input", "least"], ["low"]),
        helper.make_node("Clip", ["input", "", "most"], ["high"]),
        helper.make_node("MaxPool", ["input"], ["pooled"], **_POOL),
        helper.make_node("Mul", ["input", "two"], ["product"]),
        helper.make_node("Clip", ["product", "m3", "p3"], ["twice"]),
    ]
    graph = helper.make_graph(
        nodes,
        "clamps",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, list(values.shape))],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(value.shape))
            for name, value in expected.items()
        ],
        [numpy_helper.from_array(np.float32(value), name) for name, value in numbers.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return values.numpy(), {name: value.numpy() for name, value in expected.items()}


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("length", LENGTHS)
def test_every_length_is_right(name: str, length: int, tmp_path: Path) -> None:
    if not availability(name).ready:
        pytest.skip(availability(name).hint)
    values, expected = write(tmp_path / "clamps.onnx", length)
    with load(tmp_path / "clamps.onnx", runner=name) as loaded:
        got = loaded.run_named({"input": values})
    for output, array in expected.items():
        np.testing.assert_array_equal(got[output], array, err_msg=output)
