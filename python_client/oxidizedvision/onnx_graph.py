"""What the nodes of ONNX graphs read, and constants brought into one form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto


def nested_graphs(nodes: Sequence[NodeProto]) -> Iterator[GraphProto]:
    """The graphs that nodes such as If and Loop hold, one level down."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def uses(node: NodeProto) -> Iterator[str]:
    """What a node reads, the graphs within it included."""
    yield from filter(None, node.input)
    for graph in nested_graphs([node]):
        yield from captured(graph)


def captured(graph: GraphProto) -> Iterator[str]:
    """What a nested graph reads from those around it."""
    own = {value.name for value in (*graph.input, *graph.initializer)}
    for node in graph.node:
        yield from (name for name in uses(node) if name not in own)
        own.update(node.output)
    made = {name for node in graph.node for name in node.output}
    yield from (v.name for v in graph.output if v.name not in own and v.name not in made)


def rename(node: NodeProto, names: Mapping[str, str]) -> None:
    """Give what a node reads other names, in the graphs within it too."""
    for place, name in enumerate(node.input):
        node.input[place] = names.get(name, name)
    for graph in nested_graphs([node]):
        own = {value.name for value in (*graph.input, *graph.initializer)}
        own |= {name for inner in graph.node for name in inner.output}
        free = {name: new for name, new in names.items() if name not in own}
        for inner in graph.node:
            rename(inner, free)


def constants_to_initializers(graph: GraphProto) -> None:
    """Make the tensors of Constant nodes initialisers; nested graphs stay as they are."""
    kept = []
    for node in graph.node:
        tensor = _constant(node)
        if tensor is None:
            kept.append(node)
        else:
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
    if len(kept) < len(graph.node):
        _keep(graph, kept)


def drop_copies(graph: GraphProto) -> None:
    """Let readers of a copied weight read the weight itself, and drop the Identity between.

    Exporters let equal weights stand once, and copy them so.
    """
    weights = {tensor.name for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    copies: dict[str, str] = {}
    kept = []
    for node in graph.node:
        source = copies.get(node.input[0], node.input[0]) if node.op_type == "Identity" else ""
        if source in weights and node.output[0] not in outputs:
            copies[node.output[0]] = source
        else:
            kept.append(node)
    if copies:
        _keep(graph, kept)
        for node in graph.node:
            rename(node, copies)


def _keep(graph: GraphProto, nodes: Sequence[NodeProto]) -> None:
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _constant(node: NodeProto) -> Any:
    """The tensor of a Constant node; None for other nodes, and for texts and sparse tensors."""
    import onnx

    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx") or not node.attribute:
        return None
    attribute = node.attribute[0]
    if attribute.name == "value":
        copy = onnx.TensorProto()
        copy.CopyFrom(attribute.t)
        return copy
    types = {"value_float": "f4", "value_floats": "f4", "value_int": "i8", "value_ints": "i8"}
    if attribute.name not in types:
        return None
    value = onnx.helper.get_attribute_value(attribute)
    return onnx.numpy_helper.from_array(np.asarray(value, types[attribute.name]))
