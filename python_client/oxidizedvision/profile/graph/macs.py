"""Multiply-adds of ONNX operators, from the shapes of what they take and give."""

from __future__ import annotations

import math
from collections.abc import Callable

from oxidizedvision.profile.graph.einsum import einsum_macs
from oxidizedvision.profile.graph.operands import Operands
from oxidizedvision.profile.graph.values import UnknownLengthError

Rule = Callable[[Operands], int]


def node_macs(node: Operands) -> int | None:
    """Multiply-adds of one node without nested graphs; None where lengths are not known.

    Only products that are summed count: element by element work counts 0.
    """
    rule = RULES.get(node.operator)
    if rule is None:
        return 0
    try:
        return rule(node)
    except (UnknownLengthError, IndexError):  # an index error: fewer axes than the operator needs
        return None


def is_counted(node: Operands) -> bool:
    """Whether the number is all that the node multiplies."""
    name = node.operator
    if name in RULES:
        return True
    domain, _, operator = name.rpartition(".")
    if not domain:
        return name not in _STANDARD_UNCOUNTED
    return domain.startswith("com.microsoft") and operator.endswith(_CHEAP_ENDINGS)


def _convolution(weight: int) -> Rule:
    """Every output value takes one filter; `weight` is the place of the filters."""
    return lambda node: math.prod(node.output()) * math.prod(node.input(weight)[1:])


def _transposed_convolution(node: Operands) -> int:
    """Every input value meets the filters of its channel."""
    return math.prod(node.input(0)) * math.prod(node.input(1)[1:])


def _matrix_product(node: Operands) -> int:
    return math.prod(node.output()) * node.input(0)[-1]


def _affine_grid(node: Operands) -> int:
    """Every place, with a one behind its coordinates, meets the matrix."""
    return math.prod(node.output()) * node.input(0)[-1]


def _transposable_product(node: Operands) -> int:
    summed = -2 if node.attribute("transA", 0) else -1
    return math.prod(node.output()) * node.input(0)[summed]


def _packed_matrix_product(node: Operands) -> int:
    """Weights in blocks of few bits: their shape is in the attributes."""
    rows = math.prod(node.input(0)[:-1])
    return rows * int(node.attribute("K")) * int(node.attribute("N"))


def _recurrent(node: Operands) -> int:
    """Every step of every sequence meets the weights of all gates and directions once."""
    weights = math.prod(node.input(1)) + math.prod(node.input(2))
    return math.prod(node.input(0)[:2]) * weights


def _attention(node: Operands) -> int:
    """Queries times keys, and the result times values: ONNX's own operator."""
    query, key, value = node.input(0), node.input(1), node.input(2)
    if len(query) == 4:
        batch, heads, length, depth = query
        keys, value_depth = key[2], value[3]
    else:
        heads = int(node.attribute("q_num_heads"))
        batch, length, depth = query[0], query[1], query[2] // heads
        keys, value_depth = key[1], value[2] // int(node.attribute("kv_num_heads"))
    keys += node.input(4)[2] if node.has(4) else 0
    return batch * heads * length * keys * (depth + value_depth)


def _multi_head_attention(node: Operands) -> int:
    """ONNX Runtime's operator on what was projected before it."""
    query, key, value = node.input(0), node.input(1), node.input(2)
    if len(query) != 3 or len(key) != 3:
        raise UnknownLengthError
    keys = key[1] + (node.input(6)[2] if node.has(6) else 0)
    return query[0] * query[1] * keys * (query[2] + value[2])


def _projecting_attention(past: int) -> Rule:
    """ONNX Runtime's operator that also projects queries, keys and values."""

    def rule(node: Operands) -> int:
        (batch, length, _), weights = node.input(0), node.input(1)
        third = weights[1] // 3
        query, _, value = node.attribute("qkv_hidden_sizes") or (third, third, third)
        keys = length + (node.input(past)[3] if node.has(past) else 0)
        return batch * length * (math.prod(weights) + keys * (query + value))

    return rule


RULES: dict[str, Rule] = {
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "QLinearConv": _convolution(3),
    "DeformConv": _convolution(1),
    "CausalConvWithState": _convolution(1),
    "ConvTranspose": _transposed_convolution,
    "Gemm": _transposable_product,
    "MatMul": _matrix_product,
    "MatMulInteger": _matrix_product,
    "QLinearMatMul": _matrix_product,
    "Einsum": einsum_macs,
    "AffineGrid": _affine_grid,
    "RNN": _recurrent,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "Attention": _attention,
    "com.microsoft.FusedConv": _convolution(1),
    "com.microsoft.NhwcConv": _convolution(1),
    "com.microsoft.NhwcFusedConv": _convolution(1),
    "com.microsoft.QLinearConv": _convolution(3),
    "com.microsoft.ConvTransposeWithDynamicPads": _transposed_convolution,
    "com.microsoft.FusedGemm": _transposable_product,
    "com.microsoft.QGemm": _transposable_product,
    "com.microsoft.FusedMatMul": _transposable_product,
    "com.microsoft.TransposeMatMul": _transposable_product,
    "com.microsoft.FusedMatMulActivation": _transposable_product,
    "com.microsoft.MatMulIntegerToFloat": _matrix_product,
    "com.microsoft.DynamicQuantizeMatMul": _matrix_product,
    "com.microsoft.MatMulNBits": _packed_matrix_product,
    "com.microsoft.MatMulBnb4": _packed_matrix_product,
    "com.microsoft.DynamicQuantizeLSTM": _recurrent,
    "com.microsoft.Attention": _projecting_attention(4),
    "com.microsoft.QAttention": _projecting_attention(8),
    "com.microsoft.MultiHeadAttention": _multi_head_attention,
}
"""By operator, with the domain where it is not ONNX's own."""

_STANDARD_UNCOUNTED = frozenset({"DFT", "STFT", "Det", "LinearAttention"})

_CHEAP_ENDINGS = (
    "Activation",
    "Add",
    "Concat",
    "Dropout",
    "Gelu",
    "GlobalAveragePool",
    "LeakyRelu",
    "LinearAveragePool",
    "LinearMul",
    "LinearReduceMean",
    "LinearSigmoid",
    "LinearSoftmax",
    "LinearWhere",
    "Normalization",
    "QuantizeLinear",
    "Trilu",
)
"""Ends of the names of ONNX Runtime's own operators that work element by element."""
