"""A smaller model is judged by how far it falls below FP32, whatever shapes its outputs have."""

from __future__ import annotations

import math

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from oxidizedvision.calibration import Sample
from oxidizedvision.quantize.judge import Judge

VALUES = np.array([[3.0, -1.0, 2.0, 0.5]], np.float32)


def model(bias: float = 0.0, *, nonzero: bool = False) -> bytes:
    """y = Relu(x + bias), or where that is not zero."""
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    dims: list[int | str] = [1, 4]
    if nonzero:
        nodes[1].output[0] = "r"
        nodes += [
            helper.make_node("NonZero", ["r"], ["n"]),
            helper.make_node("Cast", ["n"], ["y"], to=TensorProto.FLOAT),
        ]
        dims = [2, "found"]
    graph = helper.make_graph(
        nodes,
        "m",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, dims)],
        [numpy_helper.from_array(np.array([bias], np.float32), "b")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    content: bytes = made.SerializeToString()
    return content


def judge(metric: str, *, expected: bool = False) -> Judge:
    right = {"y": np.maximum(VALUES, 0)} if expected else {}
    samples = [Sample("one", {"x": VALUES}, right)]
    return Judge("onnxruntime", metric=metric, samples=samples, threads=1)


@pytest.mark.parametrize("metric", ["cosine", "sqnr"])
def test_outputs_of_another_shape_are_as_bad_as_can_be(metric: str) -> None:
    found = judge(metric)
    found.reference(model(nonzero=True))
    assert found.standing(model(nonzero=True)).drop == 0
    assert found.standing(model(bias=-1.0, nonzero=True)).drop == math.inf


def test_the_drop_is_how_far_it_falls_below_fp32() -> None:
    found = judge("cosine")
    assert found.reference(model()).drop == 0
    wanted, got = np.maximum(VALUES, 0)[0], np.maximum(VALUES + 1, 0)[0]
    cosine = float(wanted @ got / np.linalg.norm(wanted) / np.linalg.norm(got))
    standing = found.standing(model(bias=1.0))
    assert standing.metric == pytest.approx(cosine, abs=1e-6)
    assert standing.drop == pytest.approx(1 - cosine, abs=1e-6)


def test_what_is_nearer_to_the_given_outputs_than_fp32_falls_by_nothing() -> None:
    found = judge("cosine", expected=True)
    first = found.reference(model(bias=1.0))
    assert first.metric < 0.999
    better = found.standing(model())
    assert better.metric == pytest.approx(1, abs=1e-6)
    assert better.drop == 0
    worse = found.standing(model(bias=2.0))
    assert worse.drop == pytest.approx(first.metric - worse.metric, abs=1e-6)
    assert worse.drop > 0
