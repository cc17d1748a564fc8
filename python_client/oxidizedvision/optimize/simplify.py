"""Fewer nodes for the same answers: simplify and fold, and keep it only if both are true."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.results import Notify
from oxidizedvision.core.text import counted
from oxidizedvision.onnx_file import check_onnx, decode_onnx, opset_of
from oxidizedvision.onnx_notes import carry_notes
from oxidizedvision.optimize.compare import difference
from oxidizedvision.optimize.slimming import SlimmingError, slimmed

if TYPE_CHECKING:
    from onnx import ModelProto

SIMPLIFIERS = ("onnxslim", "onnxsim")

_SIMPLIFYING = (
    "graph_fusion",
    "dead_node_elimination",
    "subexpression_elimination",
    "weight_tying",
)


def skipped_passes(simplify: bool, constant_folding: bool) -> list[str]:
    """The passes of onnxslim that were not asked for."""
    folding = [] if constant_folding else ["constant_folding"]
    return folding if simplify else [*_SIMPLIFYING, *folding]


@dataclass(frozen=True)
class Simplification:
    """Simplifies one model."""

    path: Path
    simplifier: str
    before: ModelProto
    manifest: Path | None
    notify: Notify

    def improved(self, skipped: list[str]) -> tuple[bytes | None, str, float]:
        """The better file or None, why, and the largest error."""
        if {*_SIMPLIFYING, "constant_folding"} <= set(skipped):
            return None, "neither simplify nor constant_folding was asked for", 0.0
        self.notify("simplifying the graph")
        after, problem = self._slimmed(skipped)
        if after is None:
            return None, problem, 0.0
        nodes = len(self.before.graph.node), len(after.graph.node)
        content = after.SerializeToString()
        sizes = self.before.ByteSize(), len(content)
        if nodes[1] > nodes[0] or (nodes[1] == nodes[0] and sizes[1] >= sizes[0]):
            return None, f"there was nothing to remove: {counted(nodes[0], 'node')}", 0.0
        self.notify("comparing with the model before")
        before = self.before.SerializeToString()
        error, problem = difference(before, content, self.path.name, self.manifest)
        if problem:
            return None, problem, error
        return content, f"{counted(nodes[0], 'node')} became {nodes[1]}", error

    def _slimmed(self, skipped: list[str]) -> tuple[ModelProto | None, str]:
        try:
            content = slimmed(self.before.SerializeToString(), skipped, self.simplifier)
        except SlimmingError as error:
            return None, f"{self.simplifier} failed: {error}"
        after = decode_onnx(content, self.path)
        restore(self.before, after, self.simplifier)
        if opset_of(after) != opset_of(self.before):
            return None, f"{self.simplifier} changed the opset to {opset_of(after)}"
        try:
            check_onnx(after, self.path)
        except OxidizedVisionError as error:
            return None, f"{self.simplifier} made an invalid model: {error.message}"
        return after, ""


def restore(before: ModelProto, after: ModelProto, tool: str) -> None:
    """Put back what the simplifier does not carry over: metadata, and how axes are named."""
    carry_notes(before, after, tool)
    del after.metadata_props[:]
    after.metadata_props.extend(before.metadata_props)
    for old, new in (
        (before.graph.input, after.graph.input),
        (before.graph.output, after.graph.output),
    ):
        known = {value.name: value for value in old}
        for value in new:
            if value.name in known:
                value.CopyFrom(known[value.name])
