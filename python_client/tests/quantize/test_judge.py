"""A smaller model is judged by how far it falls below FP32, whatever shapes its outputs have."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oxidizedvision.calibration import Sample
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.meaning import Meaning
from oxidizedvision.quantize.judge import Judge
from oxidizedvision.quantize.search import Tried

VALUES = np.array([[3.0, -1.0, 2.0, 0.5]], np.float32)


def model(bias: float = 0.0, *, nonzero: bool = False, **more: Any) -> bytes:
    """y = Relu(x + bias), or where that is not zero."""
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    shape = list(more.get("dims", (1, more.get("width", 4))))
    dims: list[int | str] = [*shape]
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
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
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


def test_the_worst_output_counts() -> None:
    def two_outputs(bias: float) -> bytes:
        made = onnx.load_model_from_string(model(bias))
        made.graph.node.append(helper.make_node("Identity", ["x"], ["same"]))
        made.graph.output.append(helper.make_tensor_value_info("same", TensorProto.FLOAT, [1, 4]))
        content: bytes = made.SerializeToString()
        return content

    alone, found = judge("cosine"), judge("cosine")
    alone.reference(model())
    found.reference(two_outputs(0.0))
    drop = found.standing(two_outputs(1.0)).drop
    assert drop > 0.01
    assert drop == pytest.approx(alone.standing(model(bias=1.0)).drop, abs=1e-6)


def test_the_first_inputs_are_compared_with_fp32_on_the_same() -> None:
    given = [np.ones((1, 4), np.float32), np.maximum(VALUES, 0)]
    samples = [Sample(str(index), {"x": VALUES}, {"y": y}) for index, y in enumerate(given)]
    found = Judge("onnxruntime", metric="cosine", samples=samples, threads=1)
    whole = found.reference(model()).metric
    first = found.standing(model(), most=1)
    assert first.metric < whole
    assert first.drop == 0


def function(tmp_path: Path, body: str) -> Judge:
    (tmp_path / "metric.py").write_text(f"def score(expected, got):\n    {body}\n")
    return Judge(
        "onnxruntime",
        metric="metric.py:score",
        samples=[Sample("one", {"x": VALUES})],
        folder=tmp_path,
        threads=1,
    )


@pytest.mark.parametrize(("given", "said"), [("nan", "NaN"), ("-inf", "-inf")])
def test_a_metric_that_gives_no_number_of_fp32_is_refused(
    tmp_path: Path, given: str, said: str
) -> None:
    found = function(tmp_path, f"return float({given!r})")
    with pytest.raises(OxidizedVisionError, match=f"metric.py:score gives {said} .*one") as caught:
        found.reference(model())
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_a_metric_that_gives_nan_of_numbers_is_refused_and_not_a_failed_form(
    tmp_path: Path,
) -> None:
    found = function(tmp_path, "return 1.0 if (expected['y'] == got['y']).all() else float('nan')")
    found.reference(model())
    tried = Tried(found, 0.1, len)
    with pytest.raises(OxidizedVisionError, match="gives NaN") as caught:
        tried.attempt("form", lambda: model(bias=1.0))
    assert caught.value.kind is Kind.CONFIG


def test_a_model_that_gives_nan_is_as_bad_as_can_be(tmp_path: Path) -> None:
    found = function(tmp_path, "return -float(abs(expected['y'] - got['y']).max())")
    found.reference(model())
    assert found.standing(model(bias=math.nan)).drop == math.inf


@pytest.mark.parametrize("metric", ["cosine", "sqnr", "top1"])
def test_fp32_that_gives_no_numbers_cannot_be_judged_by(metric: str) -> None:
    with pytest.raises(OxidizedVisionError, match="y holds no number on one") as caught:
        judge(metric).reference(model(bias=math.nan))
    assert caught.value.kind is Kind.INPUT


def test_masks_are_compared_where_outputs_are_masks() -> None:
    with pytest.raises(
        OxidizedVisionError, match=r"iou compares masks .*gives none: y \[1, 4\]"
    ) as caught:
        judge("iou").reference(model())
    assert caught.value.kind is Kind.CONFIG
    assert "top1" in caught.value.hint


def test_classes_are_compared_where_there_are_some() -> None:
    found = Judge(
        "onnxruntime", metric="top1", samples=[Sample("one", {"x": VALUES[:, :1]})], threads=1
    )
    with pytest.raises(OxidizedVisionError, match=r"top1 compares scores .*gives none: y \[1, 1\]"):
        found.reference(model(width=1))


def test_the_contract_tells_what_is_no_mask() -> None:
    picture = Sample("one", {"x": np.zeros((1, 3, 4, 4), np.float32)})
    masks = Judge("onnxruntime", metric="iou", samples=[picture], threads=1)
    masks.reference(model(dims=(1, 3, 4, 4)))
    image = Judge(
        "onnxruntime", metric="iou", samples=[picture], threads=1, meaning=Meaning("image")
    )
    with pytest.raises(OxidizedVisionError, match=r"gives none.*postprocess\.kind image"):
        image.reference(model(dims=(1, 3, 4, 4)))
