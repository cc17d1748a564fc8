"""Lengths that a network cannot take are refused by every engine, and spoil no later run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch.nn.functional import conv2d, conv_transpose2d

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.table import availability, load

ENGINES = ("onnxruntime", "ort", "tract", "rten", "openvino")
Image = NDArray[np.float32]
_random = np.random.default_rng(0)
HALVES = _random.standard_normal((4, 3, 3, 3)).astype(np.float32)
DOUBLES = _random.standard_normal((4, 2, 2, 2)).astype(np.float32)


def _network(path: Path, axes: dict[str, dict[str, int]] | None = None) -> Path:
    """A picture beside what halving and doubling make of it, which has as many rows if even."""
    nodes = [
        helper.make_node(
            "Conv", ["x", "halves"], ["small"], strides=[2, 2], pads=[1, 1, 1, 1], dilations=[1, 1]
        ),
        helper.make_node(
            "ConvTranspose",
            ["small", "doubles"],
            ["large"],
            strides=[2, 2],
            pads=[0, 0, 0, 0],
            dilations=[1, 1],
        ),
        helper.make_node("Concat", ["x", "large"], ["y"], axis=1),
    ]
    sides = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "height", "width"])
        for name, channels in (("x", 3), ("y", 5))
    ]
    weights = [
        numpy_helper.from_array(HALVES, "halves"),
        numpy_helper.from_array(DOUBLES, "doubles"),
    ]
    graph = helper.make_graph(nodes, "g", sides[:1], sides[1:], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if axes:
        helper.set_model_props(made, {"oxv.axes": json.dumps(axes)})
    onnx.save(made, path)
    return path


def _expected(image: Image) -> Image:
    x = torch.from_numpy(image)
    small = conv2d(x, torch.from_numpy(HALVES), stride=2, padding=1)
    large = conv_transpose2d(small, torch.from_numpy(DOUBLES), stride=2)
    made: Image = torch.cat([x, large], 1).numpy()
    return made


def _image(height: int, width: int, seed: int) -> Image:
    return np.random.default_rng(seed).standard_normal((1, 3, height, width)).astype(np.float32)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_length_that_the_network_cannot_take_spoils_no_other_run(
    tmp_path: Path, engine: str, threads: int
) -> None:
    if not availability(engine).ready:
        pytest.skip(f"{engine} is not here")
    model = _network(tmp_path / "model.onnx")
    sides = [(32, 48), (17, 33), (32, 48), (33, 32), (17, 33), (64, 64), (1, 1), (32, 48)]
    with load(model, runner=engine, threads=threads) as runner:
        for seed, (height, width) in enumerate(sides):
            image = _image(height, width, seed)
            if height % 2 or width % 2:
                with pytest.raises(OxidizedVisionError):
                    runner.run(image)
            else:
                np.testing.assert_allclose(runner.run(image), _expected(image), atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_length_that_was_not_proved_is_refused_by_its_name(tmp_path: Path, engine: str) -> None:
    if not availability(engine).ready:
        pytest.skip(f"{engine} is not here")
    axis = {"min": 16, "max": 64, "multiple_of": 2}
    model = _network(tmp_path / "model.onnx", {"height": axis, "width": axis})
    with load(model, runner=engine) as runner:
        for height, width, named in ((17, 32, "height"), (32, 8, "width"), (66, 32, "height")):
            with pytest.raises(OxidizedVisionError) as caught:
                runner.run(_image(height, width, 0))
            assert caught.value.kind is Kind.SHAPE_MISMATCH
            assert f"{named} must be 16 to 64 and a multiple of 2" in str(caught.value)
        image = _image(64, 16, 1)
        np.testing.assert_allclose(runner.run(image), _expected(image), atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("damaged", [[], {"height": 3}, {"height": {"min": "many"}}])
def test_ranges_that_are_none_are_refused_as_damage(
    tmp_path: Path, engine: str, damaged: Any
) -> None:
    if not availability(engine).ready:
        pytest.skip(f"{engine} is not here")
    model = _network(tmp_path / "model.onnx", {"width": {"min": 1}})
    made = onnx.load(model)
    made.metadata_props[0].value = json.dumps(damaged)
    onnx.save(made, model)
    with pytest.raises(OxidizedVisionError, match=r"oxv\.axes is damaged") as caught:
        load(model, runner=engine)
    assert caught.value.kind is Kind.CORRUPT
