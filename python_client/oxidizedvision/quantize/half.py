"""FP16: weights of half the size, or a whole graph of it, and what does not fit into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

    from oxidizedvision.core.tensors import Array

LARGEST = 65504.0
"""The largest number that FP16 has."""


def store_fp16(model: ModelProto) -> None:
    """Keep weights as FP16 and make them float before they are used, as engines do when loading.

    Constants beyond FP16's range stay as they are, and those that are no larger than the node that
    would make them float.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        array = numpy_helper.to_array(tensor)
        if np.abs(array).max(initial=0) > LARGEST:
            continue
        name, stored = tensor.name, f"{tensor.name}_stored"
        cast = helper.make_node("Cast", [stored], [name], name=name, to=TensorProto.FLOAT)
        half = numpy_helper.from_array(array.astype(np.float16), stored)
        if half.ByteSize() + cast.ByteSize() < tensor.ByteSize():
            tensor.CopyFrom(half)
            casts.append(cast)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    stored_names = {f"{node.output[0]}" for node in casts}
    inputs = [value for value in model.graph.input if value.name not in stored_names]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def compute_fp16(model: ModelProto, exclude: Sequence[str]) -> ModelProto:
    """The model in FP16 between float inputs and outputs; excluded nodes stay in float."""
    import onnx_ir
    from onnx_ir.passes.common import TopologicalSortPass
    from onnxruntime.transformers.float16 import convert_float_to_float16

    converted = convert_float_to_float16(
        model, keep_io_types=True, node_block_list=list(exclude) or None
    )
    # The converter leaves its Casts behind the nodes that need them.
    ordered = TopologicalSortPass()(onnx_ir.from_proto(converted)).model
    found: ModelProto = onnx_ir.to_proto(ordered)
    _without_detours(found)
    return found


def _without_detours(model: ModelProto) -> None:
    """What goes from a float node to another must not become FP16 in between."""
    from onnx import TensorProto

    made = {
        node.output[0]: (node.input[0], node.attribute[0].i)
        for node in model.graph.node
        if node.op_type == "Cast"
    }
    direct = {
        name: made[source][0]
        for name, (source, kind) in made.items()
        if kind == TensorProto.FLOAT and made.get(source, ("", 0))[1] == TensorProto.FLOAT16
    }
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = direct.get(name, name)
    used = {name for node in model.graph.node for name in node.input}
    used |= {value.name for value in model.graph.output}
    kept = [node for node in model.graph.node if node.op_type != "Cast" or node.output[0] in used]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def largest_values(path: Path, inputs: Mapping[str, Array]) -> dict[str, float]:
    """The largest magnitude of what each node takes or gives, by node, in float."""
    import onnx
    import onnxruntime

    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    floats = {
        value.name
        for value in (*model.graph.value_info, *model.graph.output)
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    made = [name for node in model.graph.node for name in node.output if name in floats]
    own = {value.name for value in model.graph.output}
    model.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name) for name in made if name not in own
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    given = {name: np.array(array) for name, array in inputs.items()}
    # No names would mean all outputs, which may be no floats.
    values = session.run(made, given) if made else []
    seen = {**given, **dict(zip(made, values, strict=True))}
    sizes = {
        name: float(np.abs(value).max(initial=0))
        for name, value in seen.items()
        if np.issubdtype(value.dtype, np.floating)
    }
    return {
        node.name: max((sizes.get(name, 0.0) for name in (*node.input, *node.output)), default=0.0)
        for node in model.graph.node
    }
