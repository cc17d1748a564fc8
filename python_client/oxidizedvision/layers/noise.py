"""What rounding does to a node, by precision: the node is run once more on inputs shaken so much.

An algorithm that is as good as it can be gives the exact answer for inputs that differ from the
given ones by some roundings. How far the answer moves when the inputs do is therefore the measure
of what may be rounding, whatever the operator: a sum of many terms, a quotient of small numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.manifest import Precision
from oxidizedvision.layers.graph import GIVEN, QUANTISING
from oxidizedvision.layers.measures import distance, is_float, rms_of
from oxidizedvision.onnx_graph import rename

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from oxidizedvision.core.tensors import Array
    from oxidizedvision.layers.graph import Graph

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
"""From the finest to the coarsest."""

SAME_ENGINE: dict[Precision, float] = {"fp32": 8.0, "fp16": 8.0, "int8": 6.0}
"""As many times the noise is allowed where both sides run in the same engine."""

OTHER_ENGINE: dict[Precision, float] = {"fp32": 64.0, "fp16": 16.0, "int8": 6.0}
"""Engines sum in other orders, and approximate exp, tanh and erf in other ways."""

_STEP = {"fp32": 2.0**-23, "fp16": 2.0**-10}
"""Of the numbers between 1 and 2."""

_LEVELS = 255
_UNIFORM = 12**-0.5
"""The root mean square of what is spread evenly over a step of 1."""

# These compute nothing: they move values, or choose among them.
EXACT = frozenset(
    [
        "Abs",
        "And",
        "ArgMax",
        "ArgMin",
        "Cast",
        "Ceil",
        "Clip",
        "Compress",
        "Concat",
        "ConstantOfShape",
        "DepthToSpace",
        "Equal",
        "Expand",
        "Flatten",
        "Floor",
        "Gather",
        "GatherElements",
        "GatherND",
        "GlobalMaxPool",
        "Greater",
        "GreaterOrEqual",
        "Identity",
        "IsInf",
        "IsNaN",
        "LeakyRelu",
        "Less",
        "LessOrEqual",
        "Max",
        "MaxPool",
        "Min",
        "Neg",
        "NonMaxSuppression",
        "NonZero",
        "Not",
        "OneHot",
        "Or",
        "Pad",
        "PRelu",
        "Range",
        "ReduceMax",
        "ReduceMin",
        "Relu",
        "Reshape",
        "ReverseSequence",
        "Round",
        "ScatterElements",
        "ScatterND",
        "Shape",
        "Sign",
        "Size",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Tile",
        "TopK",
        "Transpose",
        "Trilu",
        "Unique",
        "Unsqueeze",
        "Where",
        "Xor",
    ]
)

# These are worked out by polynomials, to an error that is a share of the largest value.
_APPROXIMATED = frozenset(
    [
        "Celu",
        "Cos",
        "Elu",
        "Erf",
        "Exp",
        "Gelu",
        "HardSwish",
        "Log",
        "LogSoftmax",
        "Mish",
        "Selu",
        "Sigmoid",
        "Sin",
        "Softmax",
        "Softplus",
        "Swish",
        "Tanh",
    ]
)
_OF_LARGEST = 2.0**-22

_SEED = 11


def precision_of(nodes: Iterable[NodeProto], graph: Graph) -> Precision:
    """The coarsest precision that these nodes work in."""
    found: Precision = "fp32"
    for node in nodes:
        if node.op_type in QUANTISING or "Integer" in node.op_type or "QLinear" in node.op_type:
            return "int8"
        if any(_dtype(graph, name) == "float16" for name in (*node.input, *node.output)):
            found = "fp16"
    return found


def margin_of(precision: Precision, *, same_engine: bool) -> float:
    """The multiple of the noise that is allowed."""
    return (SAME_ENGINE if same_engine else OTHER_ENGINE)[precision]


def shaken(array: Array, precision: Precision, name: str) -> Array:
    """The values, each within one rounding step of this precision of where it was.

    The name decides the random numbers.
    """
    if not is_float(array) or array.size == 0:
        return array
    generator = np.random.default_rng([_SEED, *name.encode()])
    shift = generator.uniform(-1.0, 1.0, array.shape)
    values = array.astype(np.float64)
    if precision == "int8":
        moved = values + 0.5 * shift * _range(values) / _LEVELS
    else:
        moved = values * (1 + shift * _STEP[precision])
    with np.errstate(over="ignore"):
        return moved.astype(array.dtype)


def floor_of(reference: Array, precision: Precision) -> float:
    """The root mean square of rounding the tensor itself once."""
    if not is_float(reference):
        return 0.0
    if precision == "int8":
        return _UNIFORM * _range(reference.astype(np.float64)) / _LEVELS
    return _UNIFORM * _STEP[precision] * rms_of(reference)


def approximation_of(reference: Array, operators: Collection[str]) -> float:
    """The noise of functions that engines approximate, where one is among these operators."""
    if not is_float(reference) or _APPROXIMATED.isdisjoint(operators):
        return 0.0
    finite = np.abs(reference[np.isfinite(reference)].astype(np.float64))
    return _OF_LARGEST * float(finite.max(initial=0))


def noise_between(reference: Array, moved: Array | None, precision: Precision) -> float:
    """The noise of a tensor, from its value on shaken inputs; None stands for an exact node."""
    floor = floor_of(reference, precision)
    if moved is None:
        return floor
    seen = distance(reference, moved)
    return max(floor, seen) if np.isfinite(seen) else floor


def shaken_inputs(given: Mapping[str, Array], precision: Precision) -> dict[str, Array]:
    """All inputs of a run, shaken."""
    return {name: shaken(array, precision, name) for name, array in given.items()}


def with_coarse_weights(model: ModelProto, precision: Precision) -> ModelProto:
    """The model with its weights shaken, where the precision keeps them coarser than FP32."""
    if precision == "fp32":
        return model
    return _with_weights(model, lambda array, name: shaken(array, precision, name))


def with_coarse_values(
    model: ModelProto, precision: Precision, tensors: Collection[str]
) -> ModelProto:
    """The model as this precision is at best: weights are coarse, tensors rounded where made.

    Args:
        model: Of FP32; its outputs are those before their own rounding.
        precision: INT8 rounds to the range that a tensor has in each run.
        tensors: Those to round.
    """
    if precision == "fp32":
        return model
    coarse = with_coarse_weights(model, precision)
    nodes: list[Any] = []
    renamed: dict[str, str] = {}
    for node in coarse.graph.node:
        copy = type(node).FromString(node.SerializeToString())
        rename(copy, renamed)
        nodes.append(copy)
        for name in (name for name in node.output if name in tensors):
            renamed[name] = f"oxv.rounded:{name}"
            nodes += _rounding(name, renamed[name], precision)
    del coarse.graph.node[:]
    coarse.graph.node.extend(nodes)
    return coarse


def _rounding(name: str, rounded: str, precision: Precision) -> list[Any]:
    """Nodes that round a tensor to a precision and back."""
    from onnx import TensorProto, helper

    small = f"oxv.small:{name}"
    if precision == "fp16":
        return [
            helper.make_node("Cast", [name], [small], to=TensorProto.FLOAT16),
            helper.make_node("Cast", [small], [rounded], to=TensorProto.FLOAT),
        ]
    scaled = [small, f"oxv.scale:{name}", f"oxv.zero:{name}"]
    return [
        helper.make_node("DynamicQuantizeLinear", [name], scaled),
        helper.make_node("DequantizeLinear", scaled, [rounded]),
    ]


def _with_weights(model: ModelProto, change: Callable[[Array, str], Array]) -> ModelProto:
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.data_type == tensor.FLOAT and len(tensor.dims) > 1:
            array = change(onnx.numpy_helper.to_array(tensor), tensor.name)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return copy


def _range(values: Any) -> float:
    """From the smallest to the largest value, zero included."""
    finite = values[np.isfinite(values)]
    return float(finite.max(initial=0) - finite.min(initial=0))


def _dtype(graph: Graph, name: str) -> str:
    name = name.removeprefix(GIVEN)
    if name in graph.constants:
        tensor = graph.constants[name]
        return "float16" if tensor.data_type == tensor.FLOAT16 else ""
    return graph.dtypes.get(name, "")
