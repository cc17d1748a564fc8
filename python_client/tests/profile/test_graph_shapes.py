"""Sizes are known where a graph reshapes by what it computes from shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.parser import parse_model

from oxidizedvision.profile import ProfileReport, profile

FLATTENED = """<ir_version: 8, opset_import: ["" : {opset}]>
g (float[N,8,2,W] x) => (float[N,T,5] y) {{
    s = Shape(x)
    c = Cast <to=7> (s)
    head = Slice(c, zero, two, zero)
    shape = Concat <axis=0> (head, rest)
    flat = Reshape(x, shape)
    turned = Transpose <perm=[0,2,1]> (flat)
    y = MatMul(turned, w)
}}"""
"""As exporters of recognisers write it: everything behind the channels becomes one axis."""


def written(folder: Path, text: str, **constants: object) -> Path:
    model = parse_model(text)
    for name, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def counted(path: Path, shape: list[int] | None = None) -> ProfileReport:
    return profile(path, shapes={"x": shape} if shape else {}, time=False)


@pytest.mark.parametrize("opset", [11, 12, 13, 20])
def test_a_shape_that_is_cut_and_joined(tmp_path: Path, opset: int) -> None:
    path = written(
        tmp_path,
        FLATTENED.format(opset=opset),
        zero=np.array([0]),
        two=np.array([2]),
        rest=np.array([-1]),
        w=np.ones((8, 5), np.float32),
    )
    report = counted(path, [1, 8, 2, 10])
    assert report.macs == 20 * 8 * 5
    assert report.activation_bytes is not None
    assert {row.path: row.output_shape for row in report.layers}["Transpose_5"] == (1, 20, 8)
    assert counted(path).macs is None  # nothing gives W a length


def test_arithmetic_on_lengths(tmp_path: Path) -> None:
    """A shuffle of channels: one length divided by another."""
    text = """<ir_version: 8, opset_import: ["" : 11]>
    g (float[1,C,H,W] x) => (float[A,B] y) {
        s = Shape(x)
        channels = Gather <axis=0> (s, one)
        half = Div(channels, pair)
        most = ReduceProd <axes=[0], keepdims=1> (s)
        rest = Div(most, half)
        shape = Concat <axis=0> (half, rest)
        flat = Reshape(x, shape)
        y = MatMul(flat, w)
    }"""
    path = written(
        tmp_path,
        text,
        one=np.array([1]),
        pair=np.array([2]),
        w=np.ones((2 * 4 * 4, 3), np.float32),
    )
    assert counted(path, [1, 6, 4, 4]).macs == 3 * 32 * 3


@pytest.mark.parametrize("shape", ["s = Shape(x)", "s = Identity(huge)"])
def test_large_values_are_not_made(tmp_path: Path, shape: str) -> None:
    """A constant that would fill a terabyte is told by its shape alone."""
    text = f"""<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,4] x) => (float[N,M] y) {{
        {shape}
        big = ConstantOfShape(huge)
        n = Shape(big)
        y = Expand(x, s)
    }}"""
    path = written(tmp_path, text, huge=np.array([1 << 20, 1 << 20]))
    rows = {row.type: row for row in counted(path, [1, 4]).layers}
    assert rows["ConstantOfShape"].output_shape == (1 << 20, 1 << 20)


def test_a_loop_is_not_run(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,4] x) => (float[N,M] y) {
        s = Loop (trips, yes, first) <body = b (int64 i, bool go, int64[2] v)
            => (bool on, int64[2] next) { on = Identity(go) next = Add(v, step) }>
        y = Expand(x, s)
    }"""
    path = written(
        tmp_path,
        text,
        trips=np.array(1 << 60),
        yes=np.array(True),
        first=np.array([1, 4]),
        step=np.array([0, 0]),
    )
    assert counted(path).activation_bytes is None
