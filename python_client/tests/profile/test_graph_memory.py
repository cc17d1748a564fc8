"""Activation memory of ONNX graphs, worked out by hand from the lives of the values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from profiled import graph_file, profile_code, profile_text
from tiny_network import Artifact

from oxidizedvision.profile import profile

INPUT = 3 * 8 * 12 * 4
HIDDEN = 4 * 8 * 12 * 4


def test_a_chain_frees_what_it_is_done_with(tmp_path: Path) -> None:
    report = profile_text(
        tmp_path,
        "g (float[10] x) => (float[10] y){ a = Relu(x) b = Sigmoid(a) c = Exp(b) y = Neg(c) }",
    )
    assert report.activation_bytes == 4 * 40
    assert report.peak_bytes == 3 * 40
    assert report.peak_layer == "Sigmoid_1"


def test_a_skip_keeps_its_value_and_views_take_nothing(tmp_path: Path) -> None:
    report = profile_text(
        tmp_path,
        "g (float[2,5] x) => (float[10] y)"
        "{ a = Relu(x) f = Reshape(a, shape) b = Exp(f) c = Exp(b) y = Add(c, f) }",
        shape=np.array([10]),
    )
    # The input, a under both of its names, b and c; then c, a and the sum.
    assert report.activation_bytes == 4 * 40
    assert report.peak_bytes == 4 * 40


def test_an_output_that_nobody_needs_is_freed_at_once(tmp_path: Path) -> None:
    report = profile_text(
        tmp_path,
        "g (float[10] x) => (float[10] y) { a, b = Split <axis=0, num_outputs=2> (x)"
        " c = Exp(a) d = Exp(c) y = Concat <axis=0> (d, a) }",
    )
    # Both halves of the split first; the second is gone when the next comes.
    assert report.peak_bytes == 40 + 20 + 20 + 40


def test_nested_graphs_add_what_the_larger_one_needs(tmp_path: Path) -> None:
    report = profile_text(
        tmp_path,
        "g (float[10] x, bool c) => (float[M] y) { y = If (c) <"
        "then_branch = t () => (float[10] ty) { a = Exp(x) b = Exp(a) ty = Neg(b) },"
        "else_branch = e () => (float[5] ey) { ey, z = Split <axis=0, num_outputs=2> (x) }> }",
    )
    assert report.peak_bytes is None  # the length of y is not known
    fixed = profile_text(
        tmp_path,
        "g (float[10] x, bool c) => (float[10] y) { y = If (c) <"
        "then_branch = t () => (float[10] ty) { a = Exp(x) b = Exp(a) ty = Neg(b) },"
        "else_branch = e () => (float[10] ey) { ey = Neg(x) }> }",
    )
    assert fixed.peak_bytes == 40 + 1 + 40 + 2 * 40
    assert fixed.activation_bytes == 40 + 3 * 40


def test_packed_numbers_take_half_a_byte(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Reshape", ["w", "shape"], ["y"])
    output = helper.make_tensor_value_info("y", TensorProto.INT4, [7])
    weight = helper.make_tensor("w", TensorProto.INT4, [7, 1], [1] * 7)
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [7])
    graph = helper.make_graph([node], "g", [], [output], [weight, shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "packed.onnx")
    report = profile(tmp_path / "packed.onnx", time=False)
    assert report.bytes_by_dtype == {"int4": 4, "i64": 8}
    assert report.layers[0].activation_bytes == 4


def test_pytorch_and_onnx_agree(tiny_shared: Artifact) -> None:
    in_torch = profile(tiny_shared.config, time=False)
    in_onnx = profile(tiny_shared.onnx, shapes={"input": [1, 3, 8, 12]}, time=False)
    # The input, the hidden result and its activation.
    assert in_onnx.peak_bytes == in_torch.peak_bytes == INPUT + 2 * HIDDEN
    assert in_onnx.activation_bytes == in_torch.activation_bytes == 2 * HIDDEN + 2 * INPUT


def test_a_file_that_is_run_tells_what_inference_cannot(tmp_path: Path) -> None:
    path = graph_file(
        tmp_path,
        "g (float[4,4] x) => (float[N,4] y)"
        "{ z = NonZero(x) t = Transpose(z) f = Cast <to=1> (t) y = MatMul(f, w) }",
        w=(2, 4),
    )
    assert profile(path, time=False).macs is None
    report = profile(path)
    assert report.macs == 16 * 2 * 4
    assert report.layers[-1].output_shape == (16, 4)
    assert report.activation_bytes == 3 * 16 * 2 * 8 - 16 * 2 * 4 + 16 * 4 * 4


def test_peak_layers_have_the_networks_names(tmp_path: Path) -> None:
    code = "def Net(): return nn.Sequential(nn.Linear(4, 400), nn.Linear(400, 2))\n"
    assert profile_code(tmp_path, code, [1, 4]).peak_layer == "1"
