"""Where every ONNX node comes from, as notes in its metadata.

`oxv.module` is the path of the nn.Module that made it, as in `named_modules` (`.` is the network
itself); `oxv.source` the user's file and line; `oxv.pass` who made a node that no module call did,
or rewrote one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

MODULE, SOURCE, PASS = "oxv.module", "oxv.source", "oxv.pass"
ROOT = "."


def all_nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """Every node, those of branches and loops included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from all_nodes(inner)


def note_of(node: NodeProto, key: str) -> str:
    """A note of a node; empty where it has none."""
    return next((item.value for item in node.metadata_props if item.key == key), "")


def notes_of(node: NodeProto) -> dict[str, str]:
    """All notes of a node."""
    notes = {key: note_of(node, key) for key in (MODULE, SOURCE, PASS)}
    return {key: value for key, value in notes.items() if value}


def set_notes(node: NodeProto, notes: Mapping[str, str]) -> None:
    """Make these the node's only metadata; empty notes are left out."""
    del node.metadata_props[:]
    for key, value in notes.items():
        if value:
            node.metadata_props.add(key=key, value=value)


def carry_notes(before: ModelProto, after: ModelProto, tool: str) -> None:
    """Give the nodes that a tool made the notes of those whose outputs they have.

    A node that was rewritten, or whose output is new, gets the tool as its pass.
    """
    made = {name: node for node in all_nodes(before.graph) for name in node.output if name}
    for node in all_nodes(after.graph):
        origin = next((made[name] for name in node.output if name in made), None)
        notes = notes_of(origin) if origin is not None else {}
        if origin is None or origin.op_type != node.op_type:
            notes = {**notes, PASS: tool}
        set_notes(node, notes)
