"""What quantisation needs to know of a graph, and what it does to one."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import openvino
from oxidizedvision.onnx_file import decode_onnx, opset_of
from oxidizedvision.onnx_graph import constants_to_initializers
from oxidizedvision.onnx_notes import MODULE, carry_notes, note_of, notes_of, set_notes
from oxidizedvision.quantize.rounding import nearest

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

    from oxidizedvision.core.tensors import Array
    from oxidizedvision.quantize.rounding import Observer, Rounded

OPERATORS_CORE = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Where the time goes."""

PRODUCTS = frozenset({"Gemm", "MatMul"})
"""Of these, plain products of matrices."""

OPERATORS_WIDE = (
    *OPERATORS_CORE,
    *("Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu"),
    *("MaxPool", "Mul", "Pad", "Relu", "Reshape", "Resize", "Split", "Squeeze", "Transpose"),
)
"""With what lies between them, so that numbers need not become float in between."""

PER_CHANNEL_OPSET = 13
_QUANTISED = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})
_CHANNEL_AXIS = {"Conv": 0, "ConvTranspose": 1, "MatMul": -1, "Gemm": 1}
"""Of a weight, along which the outputs lie; of a Gemm's transposed one 0."""

_NARROW = 64
"""Channels below which products of 8 bits may not pay for rounding what they are made from."""

_SUFFIXES = ("_stored", "_scale", "_zero_point")
_CHANNEL_SCALE = "_channel_scale"

Stored = Literal["dequantized", "turned", "cast"]
"""What makes weights of 8 bits float.

dequantized: DequantizeLinear, which engines run when they load the model or in every run.
turned: A Neg behind it for matrix products. OpenVINO else multiplies by the 8-bit numbers, which is
slower where these are not large; behind a Neg it does not know them for weights.
cast: Cast and Mul. ONNX Runtime computes these when it loads the model, and DequantizeLinear in
every run, for which its convolutions cannot lay out the weights as they like.
"""


def with_names(model: ModelProto) -> ModelProto:
    """The model, whose nodes all have names of their own; the quantiser tells them apart by these.

    Constants are initializers afterwards: the quantiser takes no others for weights.

    Raises:
        OxidizedVisionError: `unsupported` for a model that is quantised, `input` for weights that
            are not finite.
    """
    constants_to_initializers(model.graph)
    refuse(model)
    taken = Counter(node.name for node in model.graph.node)
    for index, node in enumerate(model.graph.node):
        if not node.name or taken[node.name] > 1:
            node.name = f"{node.op_type}_{index}_{node.output[0]}"
    return model


def refuse(model: ModelProto) -> None:
    """Refuse what cannot become smaller."""
    found = next((node for node in model.graph.node if _is_quantised(node)), None)
    if found is not None:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"The model is quantised already: node {found.name or found.output[0]} is a "
            f"{found.op_type}",
            "Give the FP32 model.",
        )
    for tensor in model.graph.initializer:
        if not np.isfinite(_floats(tensor)).all():
            raise OxidizedVisionError(
                Kind.INPUT,
                f"The weight {tensor.name} holds NaN or infinity",
                "Mend the checkpoint: no scale can be found for such numbers.",
            )


def _is_quantised(node: NodeProto) -> bool:
    return node.op_type in _QUANTISED or any(it.endswith(_CHANNEL_SCALE) for it in node.input)


def _floats(tensor: TensorProto) -> Array:
    from onnx import numpy_helper

    if tensor.data_type not in {tensor.FLOAT, tensor.FLOAT16, tensor.DOUBLE}:
        return np.zeros(0, np.float32)
    return numpy_helper.to_array(tensor)


def raised_opset(model: ModelProto) -> tuple[ModelProto, str]:
    """The model at an opset that has a scale for each channel, and what was done, in words.

    Raises:
        OxidizedVisionError: `unsupported` where ONNX's converter cannot raise it.
    """
    from onnx import version_converter

    opset = opset_of(model)
    if opset >= PER_CHANNEL_OPSET:
        return model, ""
    try:
        raised: ModelProto = version_converter.convert_version(model, PER_CHANNEL_OPSET)
    except (RuntimeError, ValueError, TypeError) as error:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"A scale for each channel needs opset {PER_CHANNEL_OPSET}, the model has {opset} and "
            f"cannot be raised: {' '.join(str(error).split())[:200]}",
            "Convert it at opset 13 or more, or set calibration.per_channel to false.",
        ) from error
    return raised, f"the opset was raised from {opset} to {PER_CHANNEL_OPSET}"


def layers(model: ModelProto) -> list[dict[str, Any]]:
    """Nodes that multiply by weights, in their order: name, operator, module, bytes of weights."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    return [
        {
            "name": node.name,
            "op_type": node.op_type,
            "module": note_of(node, MODULE),
            "weight_bytes": sum(
                _floats(constants[name]).nbytes for name in node.input if name in constants
            ),
            "sort": _sort(node, constants),
        }
        for node in model.graph.node
        if node.op_type in OPERATORS_CORE
    ]


def _sort(node: NodeProto, constants: Mapping[str, TensorProto]) -> str:
    """What engines have a kernel of its own for."""
    if node.op_type != "Conv":
        return "transposed" if node.op_type == "ConvTranspose" else "product"
    groups = next((it.i for it in node.attribute if it.name == "group"), 1)
    weight = constants.get(node.input[1])
    if groups > 1:
        return "depthwise" if weight is None or weight.dims[1] == 1 else "grouped"
    if weight is None or any(length > 1 for length in weight.dims[2:]):
        return "convolution"
    return "narrow pointwise" if min(weight.dims[:2]) < _NARROW else "pointwise"


def weight_bytes(content: bytes) -> int:
    """Bytes of a model's constants with two axes or more: what the layers multiply by.

    Scales, one for each channel, are none, whatever axes they have.
    """
    model = decode_onnx(content, Path("model"))
    constants_to_initializers(model.graph)
    return sum(
        _bytes(tensor)
        for tensor in model.graph.initializer
        if len(tensor.dims) > 1 and not tensor.name.endswith(_CHANNEL_SCALE)
    )


def _bytes(tensor: TensorProto) -> int:
    from onnx import numpy_helper

    return int(numpy_helper.to_array(tensor).nbytes)


def copy_of(model: ModelProto) -> ModelProto:
    """A model of its own."""
    return copy.deepcopy(model)


def constant_layers(model: ModelProto) -> list[tuple[NodeProto, Array]]:
    """Nodes that multiply by float constants, with these, in their order."""
    return [(node, _floats(tensor)) for node, _, tensor, _ in _weights(model.graph, None)]


def store_int8(
    model: ModelProto,
    only: Set[str] | None = None,
    observer: Observer | None = None,
    *,
    stored: Stored = "dequantized",
) -> None:
    """Keep weights as 8-bit numbers with a scale for each channel, and make them float at once.

    Args:
        model: What is changed.
        only: Names of the nodes whose weights are meant; None means all layers.
        observer: What saw the layers on inputs, and rounds by that; a weight that several nodes
            share, and what it did not see, is rounded to the nearest.
        stored: What makes them float.
    """
    uses = Counter(name for node in model.graph.node for name in node.input)
    for node, index, tensor, axis in list(_weights(model.graph, only)):
        seen = observer.rounded(node.name, axis) if observer else None
        if seen is None or uses[tensor.name] > 1:
            seen = nearest(_floats(tensor), axis)
        how = "dequantized" if stored == "turned" and node.op_type not in PRODUCTS else stored
        _replace(model.graph, node, index, tensor, seen, axis, how)
        if seen.bias is not None:
            _add_to_bias(model.graph, node, seen.bias)


def _add_to_bias(graph: GraphProto, node: NodeProto, more: Array) -> None:
    """Give a convolution, or a Gemm whose bias is a constant, a bias of its own with this in it."""
    from onnx import numpy_helper

    if node.op_type not in {"Conv", "Gemm"} or any(it.name == "beta" for it in node.attribute):
        return
    old = node.input[2] if len(node.input) > 2 else ""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    if old and old not in constants:
        return
    bias = _floats(constants[old]) + more if old else more
    name = f"{node.name}_bias_corrected"
    graph.initializer.append(numpy_helper.from_array(bias.astype(np.float32), name))
    del node.input[2:]
    node.input.append(name)
    if old and not any(old in other.input for other in graph.node):
        graph.initializer.remove(constants[old])


def _weights(
    graph: GraphProto, only: Set[str] | None
) -> Iterator[tuple[NodeProto, int, TensorProto, int]]:
    """Layers whose second input is a float constant, with the axis of its channels."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        wanted = node.op_type in OPERATORS_CORE and (only is None or node.name in only)
        if not wanted or len(node.input) < 2:
            continue
        tensor = constants.get(node.input[1])
        if tensor is None or len(tensor.dims) < 2 or tensor.data_type != tensor.FLOAT:
            continue
        yield node, 1, tensor, _axis(node, len(tensor.dims))


def _axis(node: NodeProto, rank: int) -> int:
    transposed = any(it.name == "transB" and it.i for it in node.attribute)
    return 0 if transposed else _CHANNEL_AXIS[node.op_type] % rank


def _replace(
    graph: GraphProto,
    node: NodeProto,
    index: int,
    tensor: TensorProto,
    rounded: Rounded,
    axis: int,
    stored: Stored,
) -> None:
    made = tensor.name + "_float"
    if not any(made in other.output for other in graph.node):
        constants, nodes = _made_float(tensor.name, rounded, axis, len(tensor.dims), made, stored)
        graph.initializer.extend(constants)
        for first in reversed(nodes):
            graph.node.insert(0, first)
    node.input[index] = made
    if not any(tensor.name in other.input for other in graph.node):
        graph.initializer.remove(tensor)


def _made_float(
    name: str, rounded: Rounded, axis: int, rank: int, made: str, stored: Stored
) -> tuple[list[TensorProto], list[NodeProto]]:
    """The constants of 8 bits with what makes `made` of them."""
    from onnx import TensorProto, helper, numpy_helper

    numbers, scales = rounded.stored, rounded.scales
    names = [name + suffix for suffix in _SUFFIXES]
    if stored == "cast":
        scales = scales.reshape([-1 if at == axis else 1 for at in range(rank)])
        cast, scale = f"{made}_cast", name + _CHANNEL_SCALE
        return [
            numpy_helper.from_array(numbers, names[0]),
            numpy_helper.from_array(scales, scale),
        ], [
            helper.make_node("Cast", [names[0]], [cast], name=cast, to=TensorProto.FLOAT),
            helper.make_node("Mul", [cast, scale], [made], name=made),
        ]
    turned = stored == "turned"
    arrays = (-numbers if turned else numbers, scales, np.zeros(len(scales), np.int8))
    constants = [numpy_helper.from_array(it, own) for it, own in zip(arrays, names, strict=True)]
    floats = f"{made}_turned" if turned else made
    nodes = [helper.make_node("DequantizeLinear", names, [floats], name=floats, axis=axis)]
    if turned:
        nodes.append(helper.make_node("Neg", [floats], [made], name=made))
    return constants, nodes


def finish(before: ModelProto, after: ModelProto, precision: str) -> None:
    """Give a smaller model the contract of the one it was made from, and nothing that is not used.

    These are foreign domains, and the shapes of inner tensors, which engines find by themselves:
    of a model with many layers they may be as large as a tenth of its weights.
    """
    del after.graph.value_info[:]
    carry_notes(before, after, precision)
    # An activation that the quantiser swallowed gave its output's name to the layer before it.
    named = {(node.name, node.op_type): node for node in before.graph.node}
    for node in after.graph.node:
        same = named.get((node.name, node.op_type))
        if same is not None:
            set_notes(node, notes_of(same))
    del after.metadata_props[:]
    after.metadata_props.extend(before.metadata_props)
    used = {node.domain for node in after.graph.node}
    kept = [it for it in after.opset_import if it.domain in used or not it.domain]
    del after.opset_import[:]
    after.opset_import.extend(kept)
    after.ir_version = max(before.ir_version, min(after.ir_version, 10))


def computed_in_int8(content: bytes, engine: str, folder: Path) -> int | None:
    """How many nodes an engine runs on 8-bit numbers; None where it does not tell."""
    if engine in {"ort", "onnxruntime"}:
        return _in_onnxruntime(content, folder)
    if engine == "openvino":
        return _in_openvino(content)
    return None


def _in_onnxruntime(content: bytes, folder: Path) -> int:
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(folder / "engine.onnx")
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    graph = onnx.load(options.optimized_model_filepath).graph
    return sum(_is_integer(node.op_type) for node in graph.node)


def _is_integer(op_type: str) -> bool:
    words = ("QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger")
    return op_type.startswith(words) or op_type == "DynamicQuantizeMatMul"


def _in_openvino(content: bytes) -> int | None:
    try:
        core = openvino().Core()
    except ImportError:
        return None
    compiled = core.compile_model(core.read_model(content, b""), "CPU")
    found = 0
    for operation in compiled.get_runtime_model().get_ops():
        facts = operation.get_rt_info()
        kind = str(
            facts["layerType"].value if hasattr(facts["layerType"], "value") else facts["layerType"]
        )
        precision = facts["runtimePrecision"]
        precision = str(precision.value if hasattr(precision, "value") else precision)
        layer = kind in {"Convolution", "FullyConnected", "Deconvolution", "MatMul"}
        found += layer and precision in {"i8", "u8"}
    return found
