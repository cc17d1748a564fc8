"""What nodes read, and small changes to a graph before it is cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


def uses(node: NodeProto) -> Iterator[str]:
    """What a node reads, the graphs within it included."""
    yield from filter(None, node.input)
    for graph in nested(node):
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
    for graph in nested(node):
        own = {value.name for value in (*graph.input, *graph.initializer)}
        own |= {name for inner in graph.node for name in inner.output}
        free = {name: new for name, new in names.items() if name not in own}
        for inner in graph.node:
            rename(inner, free)


def set_shape(value: Any, shape: Sequence[int]) -> None:
    """Fix the lengths of an input or output; its element type stays."""
    described = value.type.tensor_type.shape
    del described.dim[:]
    described.SetInParent()
    for length in shape:
        described.dim.add(dim_value=length)


def nested(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs within a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def constants_to_initializers(graph: GraphProto) -> None:
    """Make the tensors of Constant nodes initialisers."""
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
    """Exporters let equal weights stand once, and copy them with Identity."""
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


def fix_shapes(graph: GraphProto, shapes: Mapping[str, Sequence[int]]) -> None:
    """Give lengths to the inputs; what the file says of inner tensors may no longer hold."""
    del graph.value_info[:]
    for value in graph.input:
        if value.name in shapes:
            set_shape(value, shapes[value.name])
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")


def described(model: ModelProto) -> dict[str, Any]:
    """Types and shapes of inputs, outputs and inner tensors, as far as they can be inferred."""
    import onnx

    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except (RuntimeError, ValueError):  # the file passed its check: this is inference's own end
        graph = model.graph
    values = (*graph.value_info, *graph.output, *graph.input)
    # Copies: each would hold the whole model with its weights.
    return {value.name: type(value).FromString(value.SerializeToString()) for value in values}
