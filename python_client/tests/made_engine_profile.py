"""A small ONNX model with notes, and what made-up engines took for its nodes."""

from __future__ import annotations

import dataclasses
from typing import Any

import onnx
from made_report import MACHINE
from onnx import TensorProto, helper

from oxidizedvision.benchmark.engine_profile import EngineProfile, ProfiledEngine
from oxidizedvision.benchmark.engine_profile.attribution import nodes_of
from oxidizedvision.benchmark.engine_profile.verb import profiled
from oxidizedvision.onnx_notes import MODULE, set_notes
from oxidizedvision.runners.base import NodeTime

RUNS = 4


def _node(op_type: str, output: str, name: str, module: str) -> onnx.NodeProto:
    node = helper.make_node(op_type, ["x"], [output], name=name)
    set_notes(node, {MODULE: module})
    return node


def model() -> onnx.ModelProto:
    """Two convolutions with a nameless activation, a sum of the root, and a node without a note."""
    nodes = [
        _node("Conv", "a", "first", "block.first"),
        _node("Relu", "r", "", "block.act"),
        _node("Conv", "b", "second", "block.second"),
        _node("Add", "c", "sum", "."),
        _node("MatMul", "y", "plain", ""),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y]))


def _time(name: str, op_type: str, origins: tuple[str, ...], total_ms: float) -> NodeTime:
    return NodeTime(name, op_type, origins, RUNS, total_ms)


FUSING = (
    _time("first_r", "FusedConv", ("first", "r"), 8.0),
    _time("order", "Reorder", (), 2.0),
    _time("second", "FusedConv", ("second",), 4.0),
    _time("s", "Sum", ("sum",), 1.0),
    _time("m", "Magic", ("gone",), 0.4),
    _time("p", "Gemm", ("plain",), 0.2),
)
PLAIN = (
    _time("one", "conv", ("first",), 16.0),
    _time("relu", "max", ("r",), 6.0),
    _time("two", "conv", ("second",), 12.0),
    _time("sum", "add", ("gone", "sum"), 2.0),
)
PYTORCH = (
    _time("block.first", "Conv2d", (), 4.0),
    _time("block.act", "ReLU", (), 1.0),
    _time("block.second", "Conv2d", (), 2.0),
    _time("block", "Sequential", (), 0.2),
    _time(".", "Net", (), 0.8),
)


def engine(name: str, times: tuple[NodeTime, ...], run_ms: float) -> ProfiledEngine:
    """What the verb makes of an engine's answer."""
    answer = {
        "engine_version": "1.2",
        "device": "cpu",
        "threads": 1,
        "run_ms": run_ms,
        "nodes": [dataclasses.asdict(time) for time in times],
    }
    return profiled(name, answer, nodes_of(model()), RUNS)


def profile_of(*engines: ProfiledEngine, **known: Any) -> EngineProfile:
    """A profile of engines."""
    empty = EngineProfile(
        schema_version=1,
        model="net",
        model_sha256="0123456789abcdef" * 4,
        machine=MACHINE,
        runs=RUNS,
        batch_size=1,
        engines=engines,
    )
    return dataclasses.replace(empty, **known)


def three_engines() -> EngineProfile:
    """One that fuses and adds, one that does not, and PyTorch."""
    return profile_of(
        engine("pytorch", PYTORCH, 1.9),
        engine("ort", FUSING, 3.5),
        engine("tract", PLAIN, 8.8),
    )
