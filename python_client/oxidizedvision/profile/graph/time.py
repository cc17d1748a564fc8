"""Time of an ONNX graph's nodes, in ONNX Runtime, in a process of its own."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.core.tensors import DTYPES
from oxidizedvision.profile.graph.fusion import Placement, place, traceable_name
from oxidizedvision.profile.graph.load import is_external
from oxidizedvision.profile.graph.worker import OPTIMIZED, TimeRequest
from oxidizedvision.profile.report import EngineStep, LayerRow, TimeReport
from oxidizedvision.profile.runs import THREADS, Run, Times
from oxidizedvision.runners.oneshot import ask_apart

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

    from oxidizedvision.core.tensors import TensorSpec

_WORKER = "oxidizedvision.profile.graph.worker"
_DEADLINE_S = 900.0

Shown = dict[str, tuple[str, tuple[int, ...]]]
"""Element type and shape by value, as the engine has them."""


@dataclass(frozen=True)
class NodeTimes:
    """What the runs showed.

    graph: The file's, its nodes under traceable names. optimized: What the engine made of it.
    """

    graph: GraphProto
    optimized: GraphProto
    answer: dict[str, Any]
    shapes: Shown

    def placed(self, rows: Sequence[LayerRow]) -> tuple[list[LayerRow], TimeReport, list[str]]:
        """The rows with their times or where they went, the whole, and what to know about it."""
        placement = place(self.graph, self.optimized, [row.macs or 0 for row in rows])
        times = Times(
            [Run(total, held=held) for total, held in self.answer["unwatched"]],
            [Run(run["total"], _parts(run["steps"], placement)) for run in self.answer["runs"]],
        )
        parts = times.parts()
        measured = {str(index) for index in placement.layer_of.values()}
        added = tuple(
            EngineStep(name, self._operators()[name], ms)
            for name, ms in parts.items()
            if name not in measured
        )
        report = times.report(measured, "onnxruntime", self.answer["engine_version"], added)
        placed = [_placed(i, row, rows, placement, parts) for i, row in enumerate(rows)]
        return placed, report, times.notes(report)

    def _operators(self) -> dict[str, str]:
        return {name: kind for run in self.answer["runs"] for name, kind, _ in run["steps"]}


def _parts(steps: Sequence[tuple[str, str, float]], placement: Placement) -> Mapping[str, float]:
    """Milliseconds by the number of a layer; of steps that belong to none by their own name."""
    sums: defaultdict[str, float] = defaultdict(float)
    for name, _, ms in steps:
        sums[str(placement.layer_of.get(name, name))] += ms
    return sums


def _placed(
    index: int,
    row: LayerRow,
    rows: Sequence[LayerRow],
    placement: Placement,
    parts: Mapping[str, float],
) -> LayerRow:
    if str(index) in parts:
        return replace(row, timed="measured", time_ms=parts[str(index)])
    if index in placement.fused_into:
        return replace(row, timed="fused", fused_into=rows[placement.fused_into[index]].path)
    return replace(row, timed="removed")


def time_nodes(
    path: Path, model: ModelProto, inputs: Sequence[TensorSpec], *, wants_shapes: bool
) -> NodeTimes:
    """Run a model whose inputs have fixed lengths on one thread, node by node.

    Raises:
        OxidizedVisionError: `unsupported` for inputs that cannot be made up, and what keeps the
            engine from running.
    """
    onnx = require("onnx", "reading ONNX")
    for spec in inputs:
        if spec.dtype not in DTYPES:
            raise OxidizedVisionError(
                Kind.UNSUPPORTED,
                f"{spec.name} is of the type {spec.dtype or 'unknown'}",
                f"Values can be made up for {', '.join(DTYPES)}.",
            )
    copy = type(model)()
    copy.CopyFrom(model)
    for index, node in enumerate(copy.graph.node):
        node.name = traceable_name(index)
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-profile-") as folder:
        named = Path(folder) / "model.onnx"
        named.write_bytes(copy.SerializeToString())
        request = _request(path, model, inputs, named, wants_shapes=wants_shapes)
        answer = ask_apart(request, _DEADLINE_S, worker=_WORKER)
        optimized = onnx.load(Path(folder) / OPTIMIZED, load_external_data=False).graph
    return NodeTimes(copy.graph, optimized, answer, _shapes(copy.graph.node, answer["shapes"]))


def _request(
    path: Path, model: ModelProto, inputs: Sequence[TensorSpec], named: Path, *, wants_shapes: bool
) -> TimeRequest:
    return TimeRequest(
        runner="onnxruntime",
        model=str(named),
        shapes={spec.name: [int(dim) for dim in spec.dims] for spec in inputs},
        device="cpu",
        threads=THREADS,
        optimize=True,
        folder=str(named.parent),
        weights=str(path.parent.resolve()) if is_external(model) else None,
        dtypes={spec.name: spec.dtype for spec in inputs},
        wants_shapes=wants_shapes,
    )


def _shapes(nodes: Sequence[NodeProto], shown: Mapping[str, Any]) -> Shown:
    found: Shown = {}
    for node in nodes:
        given = [name for name in node.output if name]
        shapes = shown.get(node.name, [])
        if len(given) == len(shapes):
            pairs = zip(given, shapes, strict=True)
            found |= {name: (dtype, tuple(dims)) for name, (dtype, dims) in pairs}
    return found
