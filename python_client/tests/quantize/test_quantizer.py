"""The quantiser's process does what it is asked for: ranges by a percentile, weights of a size."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oxidizedvision.calibration import Sample
from oxidizedvision.quantize import graphs
from oxidizedvision.quantize.quantizer import Quantizer, Ranges

GENERATOR = np.random.default_rng(2)


def values(*shape: int) -> Any:
    return GENERATOR.standard_normal(shape).astype(np.float32)


def two_layers() -> bytes:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 64]) for name in "xy"]
    nodes = [
        helper.make_node("MatMul", ["x", "v"], ["a"], "first"),
        helper.make_node("MatMul", ["a", "w"], ["y"], "second"),
    ]
    weights = [numpy_helper.from_array(values(64, 64), name) for name in "vw"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def quantizer() -> Iterator[Quantizer]:
    with Quantizer(two_layers(), per_channel=True, reduce_range=False) as made:
        yield made


def input_scale(model: bytes) -> float:
    """The step that the model's input is rounded to."""
    graph = onnx.load_model_from_string(model).graph
    node = next(it for it in graph.node if it.op_type == "QuantizeLinear" and it.input[0] == "x")
    constants = {it.name: numpy_helper.to_array(it) for it in graph.initializer}
    return float(constants[node.input[1]])


def test_a_lower_percentile_has_a_narrower_range(quantizer: Quantizer) -> None:
    samples = [Sample(str(index), {"x": values(4, 64)}) for index in range(4)]
    every = np.concatenate([sample.inputs["x"].ravel() for sample in samples])
    for percentile in (99.9, 80.0):
        ranges = Ranges("percentile", percentile)
        quantizer.calibrate(ranges, samples)
        scale = input_scale(quantizer.static(ranges, graphs.OPERATORS_CORE))
        # So much of the values lies between the two ends.
        outside = (100 - percentile) / 2
        low, high = np.percentile(every, [outside, 100 - outside])
        assert scale * 255 == pytest.approx(high - low, rel=0.1)


def test_nothing_stays_where_ctrl_c_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C goes to every process of the group: the worker dies of it and tidies nothing up."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)

    def interrupted() -> None:
        with Quantizer(two_layers(), per_channel=True, reduce_range=False) as made:
            assert list(tmp_path.glob("oxidizedvision-quantize-*"))
            made._worker._process.send_signal(signal.SIGINT)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_layers_in_float_have_small_weights_where_asked(quantizer: Quantizer) -> None:
    ranges = Ranges("minmax")
    quantizer.calibrate(ranges, [Sample("one", {"x": values(4, 64)})])
    found = [
        graphs.weight_bytes(
            quantizer.static(ranges, graphs.OPERATORS_CORE, ["first"], small_weights=small)
        )
        for small in (True, False)
    ]
    assert found == [2 * 64 * 64, (1 + 4) * 64 * 64]
