"""ONNX files of every kind: named lengths, weights in other files, functions, what cannot run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.parser import parse_model
from profiled import HEAD, graph_file, profile_text, row_of

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.profile import profile

NAMED = (
    "g (float[batch,3,h,w] x, float[batch,1] scale) => (float[batch,4,u,v] y)"
    "{ c = Conv <pads=[1,1,1,1]> (x, k) y = Relu(c) }"
)


def test_lengths_with_names_can_be_given(tmp_path: Path) -> None:
    path = graph_file(tmp_path, NAMED, k=(4, 3, 3, 3))
    unknown = profile(path)
    assert (unknown.macs, unknown.activation_bytes, unknown.peak_bytes) == (None, None, None)
    assert unknown.time is None
    assert unknown.parameters == 108
    assert any("--shape x=batch,3,h,w" in note for note in unknown.notes)
    known = profile(path, shapes={"x": [2, 3, 6, 5]}, time=False)
    assert known.macs == 2 * 4 * 30 * 27
    # The batch is the same in the other input.
    assert [spec.dims for spec in known.inputs] == [(2, 3, 6, 5), (2, 1)]
    assert known.activation_bytes == 2 * (2 * 4 * 30 * 4)


def test_a_length_is_known_wherever_its_name_stands(tmp_path: Path) -> None:
    path = graph_file(
        tmp_path,
        "g (float[batch,4] x) => (float[batch,6] y) <float[batch,5] a>"
        "{ a = other.Mystery(x) y = MatMul(a, w) }",
        w=(5, 6),
    )
    assert profile(path, time=False).macs is None
    assert profile(path, shapes={"x": [3, 4]}, time=False).macs == 3 * 5 * 6


@pytest.mark.parametrize(
    ("shapes", "kind", "message"),
    [
        ({"z": [1]}, Kind.UNKNOWN_INPUT, "has no input 'z'"),
        ({"x": [1, 3, 6]}, Kind.SHAPE_MISMATCH, "has 3 axes"),
        ({"x": [1, 4, 6, 6]}, Kind.SHAPE_MISMATCH, "has 4 where 3 is fixed"),
        ({"x": [0, 3, 6, 6]}, Kind.SHAPE_MISMATCH, "below 1"),
        ({"x": [1, 3, 6, 6], "scale": [2, 1]}, Kind.SHAPE_MISMATCH, "batch both 1 and 2"),
    ],
)
def test_shapes_that_do_not_fit(
    tmp_path: Path, shapes: dict[str, list[int]], kind: Kind, message: str
) -> None:
    path = graph_file(tmp_path, NAMED, k=(4, 3, 3, 3))
    with pytest.raises(OxidizedVisionError, match=message) as caught:
        profile(path, shapes=shapes)
    assert caught.value.kind is kind
    assert caught.value.hint


def test_weights_in_other_files(tmp_path: Path) -> None:
    text = "g (float[1,3,5,5] x) => (float[1,36] y) { c = Conv(x, w) y = Reshape(c, shape) }"
    inside = graph_file(tmp_path, text, w=(4, 3, 3, 3), shape=np.array([1, -1]))
    expected = profile(inside, time=False)
    outside = tmp_path / "outside" / "model.onnx"
    outside.parent.mkdir()
    onnx.save_model(
        onnx.load(inside),
        outside,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    report = profile(outside)
    assert report.layers[1].output_shape == (1, 36)
    assert (report.macs, report.bytes) == (expected.macs, expected.bytes)
    assert report.time is not None
    (outside.parent / "weights.bin").unlink()
    with pytest.raises(OxidizedVisionError, match=r"weights\.bin") as caught:
        profile(outside)
    assert caught.value.kind is Kind.UNREADABLE


def test_weights_count_once_and_by_kind(tmp_path: Path) -> None:
    report = profile_text(
        tmp_path,
        "g (float[1,4,3,3] x) => (float[1,4,3,3] y) { a = BatchNormalization(x, s, b, m, v)"
        " c = Mul(a, s4) d = Mul(c, s4) e = Clip(d, low) y = Reshape(e, shape) }",
        s=(4,),
        b=(4,),
        m=(4,),
        v=(4,),
        s4=(1, 4, 1, 1),
        low=np.array(0, np.float32),
        shape=np.array([1, 4, 3, 3]),
    )
    # As in PyTorch, running statistics are buffers; so are bounds and shapes.
    assert (report.parameters, report.buffers) == (12, 8 + 1 + 4)
    assert report.bytes == 4 * (12 + 8 + 1) + 8 * 4
    assert sum(row.bytes for row in report.layers) == report.bytes
    assert [row.parameters for row in report.layers] == [8, 4, 0, 0, 0]


def test_constant_nodes_and_copies_of_weights_are_no_layers(tmp_path: Path) -> None:
    report = profile_text(
        tmp_path,
        "g (float[2,3] x) => (float[2,3] y) { c = Constant <value = float[3] {1, 2, 3}> ()"
        " copy = Identity(w) again = Identity(copy) a = Add(x, c) y = Mul(a, again) }",
        w=(3,),
    )
    assert [row.type for row in report.layers] == ["Add", "Mul"]
    assert [row.parameters for row in report.layers] == [3, 3]


def test_functions_of_the_file_are_opened(tmp_path: Path) -> None:
    head = HEAD.replace('"other"', '"local"')
    model = parse_model(
        head + "g (float[2,4] x) => (float[2,6] y) { y = local.dense(x, w) }"
        '<domain: "local", opset_import: ["" : 20]>'
        "dense (x, w) => (y) { z = MatMul(x, w) y = Relu(z) }"
    )
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 6), np.float32), "w"))
    onnx.save(model, tmp_path / "functions.onnx")
    report = profile(tmp_path / "functions.onnx")
    assert report.macs == 48
    assert [row.type for row in report.layers] == ["MatMul", "Relu"]


ODD = {
    "no known operator": "g (float[1,4] x) => (float[1,4] y) { y = other.Mystery(x) }",
    "texts": "g (float[2] x) => (string[2] y) { y = Cast <to=8> (x) }",
    "sequences": "g (float[4] x) => (float[4] y)"
    "{ s = SequenceConstruct(x, x) i = Constant <value_int=0> () y = SequenceAt(s, i) }",
    "no axes": "g (float x) => (float y) { y = Relu(x) }",
    "bfloat16": "g (bfloat16[2] x) => (bfloat16[2] y) { y = Add(x, x) }",
    "no input": "g () => (float[2] y) { y = RandomNormal <shape=[2]> () }",
    "a table": "g (int64[2] x) => (float[2,4] y) { y = Gather(w, x) }",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_give_a_report(tmp_path: Path, name: str) -> None:
    weights = {"w": (3, 4)} if "w" in ODD[name] and name == "a table" else {}
    report = profile(graph_file(tmp_path, ODD[name], **weights))
    assert report.layers
    assert (report.time is None) == (name in {"no known operator", "bfloat16"}), report.notes
    if report.time is None:
        assert report.notes[0].startswith("time was not measured: ")


def test_nodes_without_names_have_a_place(tmp_path: Path) -> None:
    report = profile_text(tmp_path, "g (float[2] x) => (float[2] y) { a = Exp(x) y = Exp(a) }")
    assert [row.path for row in report.layers] == ["Exp_0", "Exp_1"]
    assert row_of(report, "Exp_1").output_shape == (2,)
