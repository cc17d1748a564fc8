"""Models whose axes are called `?` or -1 take any lengths, in every engine that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from oxidizedvision.core.tensors import ModelInfo, TensorSpec
from oxidizedvision.layers.inputs import random_inputs
from oxidizedvision.registry.details import describe
from oxidizedvision.runners.base import Runner
from oxidizedvision.runners.table import availability, load

ENGINES = ("onnxruntime", "ort", "tract", "rten", "openvino")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """y = Relu(x) of the axes -1, 3, ? and ?."""
    sides = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [-1, 3, "?", "?"]) for name in "xy"
    ]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", sides[:1], sides[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(made, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_takes_lengths_that_differ(model: Path, engine: str) -> None:
    if not availability(engine).ready:
        pytest.skip(f"{engine} is not here")
    with load(model, runner=engine) as runner:
        assert runner.info.inputs[0].dims == ("x_0", 3, "x_2", "x_3")
        given = np.full((2, 3, 4, 5), -1, np.float32)
        assert runner.run(given).shape == given.shape


class Echo(Runner):
    """Says that its axes are called `?`, whatever a file calls them."""

    @property
    def info(self) -> ModelInfo:
        specs = (TensorSpec("x", "f32", ("?", 3, "?")),)
        return ModelInfo("echo", "echo", "0", specs, specs, 1, "cpu")

    def _run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return inputs


def test_the_contract_itself_ties_no_such_axes() -> None:
    given = np.zeros((1, 3, 7), np.float32)
    assert Echo().run(given) is given


def test_layers_and_info_give_each_axis_a_name_of_its_own(model: Path) -> None:
    found = random_inputs(model, {"x": (1, 3, 4, 5)})
    assert found["x"].shape == (1, 3, 4, 5)
    assert describe(model).inputs[0].dims == ("x_0", 3, "x_2", "x_3")
