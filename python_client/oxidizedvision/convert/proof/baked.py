"""Which node of an ONNX file fixed a length that should change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oxidizedvision.convert.network import Arrays
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.onnx_file import Session
from oxidizedvision.onnx_notes import MODULE, SOURCE, note_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_FIXING = ("Reshape", "Expand", "Resize", "Upsample", "Slice", "Tile", "Pad", "ConstantOfShape")
"""Operators that take lengths from an input, which an exporter may have made a constant."""


@dataclass(frozen=True)
class BakedNode:
    """A node, the nn.Module and the line of code that it comes from; empty where not known."""

    name: str
    operator: str
    module: str
    source: str

    def text(self) -> str:
        """For a message: `node /head/Reshape (Reshape) of module head, model.py, line 12`."""
        parts = [f"node {self.name} ({self.operator})"]
        if self.module:
            where = "the network itself" if self.module == "." else f"module {self.module}"
            parts.append(f"of {where}")
        return " ".join(parts) + (f", {self.source}" if self.source else "")


def find_baked(model: ModelProto, example: Arrays, other: Arrays) -> BakedNode | None:
    """The node that keeps the example's lengths for inputs of other lengths.

    The first one that takes lengths from an input of its own and keeps the old ones; else the one
    that fails; None where neither is found.
    """
    first, second = _Run.of(model, example), _Run.of(model, other)
    for node in model.graph.node:
        if node.op_type in _FIXING and _keeps(node, first.shapes, second.shapes):
            return _described(node)
    return _described(second.failed) if second.failed is not None else None


def _described(node: NodeProto) -> BakedNode:
    return BakedNode(node.name, node.op_type, note_of(node, MODULE), note_of(node, SOURCE))


def _keeps(
    node: NodeProto,
    first: Mapping[str, tuple[int, ...]],
    second: Mapping[str, tuple[int, ...]],
) -> bool:
    """Whether a length of the node's input changes, and its output has the old one still."""
    source, target = node.input[0], node.output[0]
    if source not in second or first.get(source) == second[source]:
        return False
    if target not in second:  # it fails for the other lengths
        return True
    before, after = first.get(target, ()), second[target]
    changes = zip(first.get(source, ()), second[source], strict=False)
    return before == after or any(
        old != new and old in before and old in after and new not in after for old, new in changes
    )


@dataclass(frozen=True)
class _Run:
    """Shapes of all values up to the node that fails, and that node."""

    shapes: Mapping[str, tuple[int, ...]]
    failed: NodeProto | None

    @classmethod
    def of(cls, model: ModelProto, inputs: Arrays) -> _Run:
        """Run as many nodes as will run, found by halving."""
        given = {name: array.shape for name, array in inputs.items()}
        nodes = model.graph.node
        found = _run_first(model, len(nodes), inputs)
        if found is not None:
            return cls(given | found, None)
        runs, fails, best = 0, len(nodes), {}
        while fails - runs > 1:
            middle = (runs + fails) // 2
            found = _run_first(model, middle, inputs)
            if found is None:
                fails = middle
            else:
                runs, best = middle, found
        return cls(given | best, nodes[fails - 1])


def _run_first(model: ModelProto, count: int, inputs: Arrays) -> dict[str, tuple[int, ...]] | None:
    """Shapes of what the first `count` nodes give; None where one of them fails."""
    import onnx

    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.graph.node[count:]
    made = {name for node in part.graph.node for name in node.output if name}
    del part.graph.output[:]
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(made))
    try:
        session = Session(part.SerializeToString(), "the part that is looked at")
        used = {item.name for item in session.inputs}
        found = session.run({name: array for name, array in inputs.items() if name in used})
    except OxidizedVisionError:
        return None
    return {name: array.shape for name, array in found.items()}
