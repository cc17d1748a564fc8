"""Networks of the zoo as ONNX graphs: converted as a user would, with weights that all matter."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from benchmarks.zoo.architecture import Architecture
from benchmarks.zoo.measure import cases_of, prepared, tolerance_of
from oxidizedvision import convert
from oxidizedvision.layers import REFERENCE
from oxidizedvision.layers.graph import Graph
from oxidizedvision.onnx_file import read_onnx

Array = NDArray[Any]

LEAST_NODES = 30
_LEVELS = 255


@dataclass(frozen=True)
class Subject:
    """A graph at the shape of its example, two pictures, and how far an answer may be off.

    tolerance: the largest difference of an output over its largest value, as in the zoo.
    """

    name: str
    graph: Graph
    pictures: tuple[Mapping[str, Array], ...]
    tolerance: float

    def answers(self, graph: Graph) -> list[dict[str, Array]]:
        """What ONNX Runtime gives for both pictures, node by node."""
        return REFERENCE.answers(graph.with_outputs(graph.outputs), self.pictures)


def subject_of(architecture: Architecture, folder: Path) -> Subject:
    """Convert a network of the zoo.

    Raises:
        ValueError: its graph has fewer nodes than the faults are promised for.
        OxidizedVisionError: it cannot be converted.
    """
    config = architecture.write_config(folder)
    network = prepared(architecture, config)
    cases = cases_of(architecture, network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = convert(config).onnx
    first = cases[0].picture
    second = np.random.default_rng(1).standard_normal(first.shape).astype(first.dtype)
    model = read_onnx(path)
    (name,) = Graph(model).inputs
    graph = Graph(model, {name: first.shape})
    if len(graph.nodes) < LEAST_NODES:
        raise ValueError(f"{architecture.name} has {len(graph.nodes)} nodes, wanted {LEAST_NODES}")
    return Subject(architecture.name, graph, ({name: first}, {name: second}), tolerance_of(cases))


def quantised(subject: Subject) -> Subject:
    """The subject with the input of every convolution rounded to 8 bits, as QDQ models have it.

    Scales are those of the first picture. The reference of its faults is this graph itself.
    """
    graph = Graph(subject.graph.model)
    chosen = list(dict.fromkeys(_inputs_of_convolutions(graph)))
    ranges = _ranges(subject, graph, chosen)
    nodes = []
    for node in graph.model.graph.node:
        copy = type(node).FromString(node.SerializeToString())
        if node.op_type == "Conv" and node.input[0] in ranges:
            copy.input[0] = f"{node.input[0]}_rounded"
        nodes.append(copy)
    pairs = {name: _pair(graph, name, ranges[name]) for name in ranges}
    ordered = [node for name in graph.inputs for node in pairs.get(name, [])]
    for node in nodes:
        ordered.append(node)
        ordered += [pair for name in node.output for pair in pairs.get(name, [])]
    del graph.model.graph.node[:]
    graph.model.graph.node.extend(ordered)
    made = Graph(graph.model)
    return Subject(f"{subject.name}, QDQ", made, subject.pictures, subject.tolerance)


def _inputs_of_convolutions(graph: Graph) -> list[str]:
    known = {*graph.tensors, *graph.inputs}
    return [n.input[0] for n in graph.nodes if n.op_type == "Conv" and n.input[0] in known]


def _ranges(subject: Subject, graph: Graph, names: list[str]) -> dict[str, tuple[float, float]]:
    made = [name for name in names if name in graph.producers]
    values: dict[str, Array] = {}
    if made:
        (values,) = REFERENCE.answers(graph.with_outputs(made), subject.pictures[:1])
    values |= {name: a for name, a in subject.pictures[0].items() if name in names}
    return {
        name: (min(0.0, float(a.min())), max(0.0, float(a.max()))) for name, a in values.items()
    }


def _pair(graph: Graph, name: str, ends: tuple[float, float]) -> list[Any]:
    step = max((ends[1] - ends[0]) / _LEVELS, 1e-12)
    zero = np.array(np.clip(round(-ends[0] / step), 0, _LEVELS), np.uint8)
    constants = {f"{name}_scale": np.array(step, np.float32), f"{name}_zero": zero}
    graph.model.graph.initializer.extend(
        numpy_helper.from_array(value, key) for key, value in constants.items()
    )
    whole = [f"{name}_whole", *constants]
    return [
        helper.make_node("QuantizeLinear", [name, *constants], whole[:1], name=f"{name}_quantise"),
        helper.make_node("DequantizeLinear", whole, [f"{name}_rounded"], name=f"{name}_back"),
    ]
