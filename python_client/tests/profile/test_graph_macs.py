"""Multiply-adds of ONNX operators equal what is worked out by hand, and PyTorch's own total."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from profiled import graph_file, profile_code, profile_text, row_of

from oxidizedvision.profile import profile

CASES: dict[str, tuple[str, dict[str, Any], int]] = {
    "conv": (
        "g (float[2,4,6,6] x) => (float[2,8,4,4] y) { y = Conv <group=2> (x, w) }",
        {"w": (8, 2, 3, 3)},
        2 * 8 * 16 * 2 * 9,
    ),
    "transposed conv": (
        (
            "g (float[1,4,5,5] x) => (float[1,6,11,11] y)"
            "{ y = ConvTranspose <group=2, strides=[2,2]> (x, w) }"
        ),
        {"w": (4, 3, 3, 3)},
        4 * 25 * 3 * 9,
    ),
    "gemm": (
        "g (float[12,2] x) => (float[2,7] y) { y = Gemm <transA=1, transB=1> (x, w) }",
        {"w": (7, 12)},
        2 * 7 * 12,
    ),
    "batched product": (
        "g (float[2,3,4,5] a, float[3,5,6] b) => (float[2,3,4,6] y) { y = MatMul(a, b) }",
        {},
        6 * 4 * 5 * 6,
    ),
    "matrix and vector": (
        "g (float[4,5] a, float[5] b) => (float[4] y) { y = MatMul(a, b) }",
        {},
        20,
    ),
    "einsum": (
        (
            "g (float[2,3,4] a, float[2,4,5] b) => (float[2,3,6] y)"
            '{ y = Einsum <equation="...ij,...jk,kl->...il"> (a, b, c) }'
        ),
        {"c": (5, 6)},
        2 * 3 * 4 * 5 + 2 * 3 * 5 * 6,
    ),
    "einsum that only multiplies": (
        'g (float[3] a, float[4] b) => (float[3,4] y){ y = Einsum <equation="i,j->ij"> (a, b) }',
        {},
        0,
    ),
    "einsum without an output": (
        'g (float[3,4] a, float[4,5] b) => (float[3,5] y) { y = Einsum <equation="ij,jk"> (a, b) }',
        {},
        60,
    ),
    "lstm": (
        (
            "g (float[5,2,8] x) => (float[5,2,2,16] y)"
            '{ y = LSTM <hidden_size=16, direction="bidirectional"> (x, w, r) }'
        ),
        {"w": (2, 64, 8), "r": (2, 64, 16)},
        2 * 10 * 64 * (8 + 16),
    ),
    "gru": (
        "g (float[5,2,8] x) => (float[5,1,2,16] y) { y = GRU <hidden_size=16> (x, w, r) }",
        {"w": (1, 48, 8), "r": (1, 48, 16)},
        10 * 48 * (8 + 16),
    ),
    "integers": (
        "g (uint8[4,5] a, uint8[5,6] b) => (int32[4,6] y) { y = MatMulInteger(a, b) }",
        {},
        120,
    ),
    "integer conv": (
        "g (uint8[1,3,5,5] x, uint8[4,3,3,3] w) => (int32[1,4,3,3] y) { y = ConvInteger(x, w) }",
        {},
        4 * 9 * 27,
    ),
    "fused conv": (
        (
            "g (float[1,3,5,5] x) => (float[1,4,3,3] y)"
            '{ y = com.microsoft.FusedConv <activation="Relu"> (x, w) }'
        ),
        {"w": (4, 3, 3, 3)},
        4 * 9 * 27,
    ),
    "fused product": (
        (
            "g (float[5,4] a, float[5,6] b) => (float[4,6] y)"
            "{ y = com.microsoft.FusedMatMul <transA=1> (a, b) }"
        ),
        {},
        120,
    ),
    "affine grid": (
        "g (float[2,2,3] x) => (float[2,5,7,2] y) { y = AffineGrid(x, size) }",
        {"size": np.array([2, 3, 5, 7])},
        2 * 35 * 2 * 3,
    ),
    "element by element": (
        "g (float[4,5] a) => (float[4,5] y) { b = Add(a, a) y = Mul(a, b) }",
        {},
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_counts_what_the_formula_says(tmp_path: Path, name: str) -> None:
    text, weights, macs = CASES[name]
    report = profile_text(tmp_path, text, **weights)
    assert report.macs == macs
    assert report.not_counted == ()


def test_quantised_operators_count_as_the_float_ones(tmp_path: Path) -> None:
    number = {"s": np.float32(1), "z": np.uint8(0)}
    conv = profile_text(
        tmp_path,
        "g (uint8[1,3,5,5] x, uint8[4,3,3,3] w) => (uint8[1,4,3,3] y)"
        "{ y = QLinearConv(x, s, z, w, s, z, s, z) }",
        **{name: np.array(value) for name, value in number.items()},
    )
    assert conv.macs == 4 * 9 * 27
    product = profile_text(
        tmp_path,
        "g (uint8[4,5] a, uint8[5,6] b) => (uint8[4,6] y)"
        "{ y = QLinearMatMul(a, s, z, b, s, z, s, z) }",
        **{name: np.array(value) for name, value in number.items()},
    )
    assert product.macs == 120


def test_onnx_attention_with_fewer_heads_of_keys(tmp_path: Path) -> None:
    shapes = {"q": [2, 5, 32], "k": [2, 7, 16], "v": [2, 7, 16]}
    values = {n: helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()}
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 5, 32])
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], q_num_heads=4, kv_num_heads=2)
    graph = helper.make_graph([node], "g", list(values.values()), [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    onnx.save(model, tmp_path / "attention.onnx")
    report = profile(tmp_path / "attention.onnx", time=False)
    heads, depth = 4, 8
    assert report.macs == 2 * heads * 5 * 7 * (depth + depth)


def test_branches_and_loops(tmp_path: Path) -> None:
    branches = profile_text(
        tmp_path,
        "g (float[1,4] x, bool c) => (float[1,M] y) { y = If (c) <"
        "then_branch = t () => (float[1,6] ty) { ty = MatMul(x, w6) },"
        "else_branch = e () => (float[1,2] ey) { ey = MatMul(x, w2) }> }",
        w6=(4, 6),
        w2=(4, 2),
    )
    assert branches.macs == 24
    assert branches.parameters == 24 + 8
    assert branches.layers[0].parameters == 24 + 8
    loop = (
        "g (float[4,4] x{more}) => (float[4,4] y) {inits} {{ y = Loop (n, , x) <"
        "body = b (int64 i, bool c, float[4,4] s) => (bool k, float[4,4] o)"
        "{{ k = Identity(c) o = MatMul(s, w) }}> }}"
    )
    known = loop.format(more="", inits="<int64 n = {5}>")
    assert profile_text(tmp_path, known, w=(4, 4)).macs == 5 * 64
    unknown = loop.format(more=", int64 n", inits="")
    assert profile_text(tmp_path, unknown, w=(4, 4)).macs is None
    scan = profile_text(
        tmp_path,
        "g (float[4,4] x, float[7,2,4] e) => (float[4,4] y, float[7,2,4] o) { y, o = Scan <"
        "num_scan_inputs=1, body = b (float[4,4] s, float[2,4] f) => (float[4,4] t, float[2,4] p)"
        "{ t = Identity(s) p = MatMul(f, s) }> (x, e) }",
    )
    assert scan.macs == 7 * 2 * 4 * 4


@pytest.mark.parametrize(
    ("operator", "named"),
    [
        ("other.Mystery", "other.Mystery"),
        ("com.microsoft.GroupQueryAttention", "com.microsoft.GroupQueryAttention"),
        ("com.microsoft.Gelu", None),
        ("Relu", None),
    ],
)
def test_what_no_rule_knows_is_named(tmp_path: Path, operator: str, named: str | None) -> None:
    text = f"g (float[1,4] x) => (float[1,4] y) {{ a = {operator}(x) y = {operator}(a) }}"
    report = profile_text(tmp_path, text)
    assert report.not_counted == ((f"{named} (2 times)",) if named else ())


NETWORKS = {
    "resnet18": ("torchvision.models.resnet18()", 64),
    "mobilenet_v2": ("torchvision.models.mobilenet_v2()", 64),
    "vit": (
        (
            "torchvision.models.VisionTransformer(image_size=32, patch_size=8, num_layers=2, "
            "num_heads=4, hidden_dim=32, mlp_dim=64, num_classes=10)"
        ),
        32,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_counts_the_same_in_onnx(tmp_path: Path, name: str) -> None:
    torchvision = pytest.importorskip("torchvision")
    expression, size = NETWORKS[name]
    code = f"import torchvision\ndef Net(): return {expression}\n"
    in_torch = profile_code(tmp_path, code, [1, 3, size, size])
    network = eval(expression, {"torchvision": torchvision}).eval()  # noqa: S307 - written above
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = torch.zeros(1, 3, size, size)
        torch.onnx.export(network, (example,), path, dynamo=False, opset_version=17)
    in_onnx = profile(path, time=False)
    assert in_torch.macs == in_onnx.macs
    assert in_torch.not_counted == in_onnx.not_counted == ()


def test_weights_behind_dequantisation_belong_to_who_works_with_them(tmp_path: Path) -> None:
    path = graph_file(
        tmp_path,
        "g (float[1,3,5,5] x) => (float[1,4,3,3] y)"
        "{ f = DequantizeLinear(w, s, z) y = Conv(x, f) }",
        w=np.ones((4, 3, 3, 3), np.int8),
        s=np.array(1, np.float32),
        z=np.array(0, np.int8),
    )
    report = profile(path, time=False)
    assert row_of(report, "Conv_1").parameters == 108
    assert row_of(report, "Conv_1").bytes == 108 + 4 + 1
    assert row_of(report, "DequantizeLinear_0").activation_bytes == 0
    assert report.activation_bytes == 4 * 9 * 4
