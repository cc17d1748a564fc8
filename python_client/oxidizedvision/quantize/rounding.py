"""Weights as 8-bit numbers, rounded so that what the layers give stays near.

Each layer is seen on the calibration inputs. Its weights are rounded one input at a time, and the
error of each is made up for by those that are still to be rounded, weighed by how their inputs
move together (Frantar et al., GPTQ, 2022; Hassibi and Stork, 1993). What is left of the error in
the mean goes into the bias (Nagel et al., Data-Free Quantization, 2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import NodeProto

    from oxidizedvision.core.tensors import Array

MOST_COLUMNS = 3072
"""Layers that read more numbers for each output are rounded to the nearest."""

_MOST_ROWS = 4096
"""Places of one input that a layer is seen at."""

_DAMPING = 0.01
_LEAST = 1e-12
_BLOCK = 128
_LARGEST = 127


@dataclass(frozen=True)
class Rounded:
    """A weight in 8 bits.

    stored: in the shape of the weight. scales: one for each channel. bias: what to add to the
    layer's bias, one for each output; None where nothing is known.
    """

    stored: Array
    scales: Array
    bias: Array | None = None


@dataclass
class _Moments:
    """Sums over the places that a layer was seen at, of the numbers that an output is made from.

    first: by column; of a grouped convolution by output and column. second: of the products of
    each two, where that is known. rows: how many places.
    """

    first: Array
    second: Array | None
    rows: int

    def plus(self, other: _Moments) -> _Moments:
        """Those of both."""
        second = None
        if self.second is not None and other.second is not None:
            second = self.second + other.second
        return _Moments(self.first + other.first, second, self.rows + other.rows)


class Observer:
    """Sees what layers are given, and rounds their weights by it.

    Args:
        model: Where the model is.
        layers: Its nodes that multiply by constants, with their weights.
    """

    def __init__(self, model: Path, layers: Sequence[tuple[NodeProto, Array]]) -> None:
        self._layers = {node.name: (node, weight) for node, weight in layers}
        self._moments: dict[str, _Moments] = {}
        self._made: dict[str, Rounded] = {}
        self._session = _session_with(model, [node.input[0] for node, _ in layers])

    def observe(self, inputs: Mapping[str, Array]) -> None:
        """Run the model on an input, and take note of what each layer is given.

        Layers that are given infinity or NaN are passed by.
        """
        names = [output.name for output in self._session.get_outputs()]
        seen = {**dict(zip(names, self._session.run(None, dict(inputs)), strict=True)), **inputs}
        for name, (node, weight) in self._layers.items():
            found = _moments_of(node, weight, seen[node.input[0]])
            if found is not None and np.isfinite(found.first).all():
                known = self._moments.get(name)
                self._moments[name] = found if known is None else known.plus(found)
        self._made.clear()

    def rounded(self, name: str, axis: int) -> Rounded | None:
        """The weight of a layer, whose channels lie along an axis; None where it was not seen."""
        moments = self._moments.get(name)
        if moments is None:
            return None
        if name not in self._made:
            self._made[name] = _rounded(self._layers[name][1], axis, moments)
        return self._made[name]


def nearest(weight: Array, axis: int) -> Rounded:
    """Each number by itself: symmetric, with a scale for each channel."""
    scales = _scales(weight, axis)
    stored = np.clip(np.rint(weight / scales), -_LARGEST, _LARGEST).astype(np.int8)
    return Rounded(stored, scales.reshape(-1))


def _scales(weight: Array, axis: int) -> Array:
    others = tuple(index for index in range(weight.ndim) if index != axis)
    largest = np.abs(weight).max(axis=others, keepdims=True)
    return np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)


def _rounded(weight: Array, axis: int, moments: _Moments) -> Rounded:
    plain = nearest(weight, axis)
    rows = np.moveaxis(weight, axis, 0)
    matrix = rows.reshape(len(rows), -1).astype(np.float64)
    steps = plain.scales.astype(np.float64)[:, None]
    if moments.second is None:
        stored = np.moveaxis(plain.stored, axis, 0).reshape(matrix.shape)
    else:
        stored = _compensated(matrix, steps, moments.second / moments.rows)
    mean = moments.first / moments.rows
    left = matrix - stored * steps
    bias = (left * mean).sum(axis=1) if mean.ndim > 1 else left @ mean
    back = np.moveaxis(stored.reshape(rows.shape), 0, axis)
    return Rounded(np.ascontiguousarray(back, np.int8), plain.scales, bias.astype(np.float32))


def _compensated(matrix: Array, steps: Array, second: Array) -> Array:
    """Integers of a matrix whose columns are rounded in turn, those that matter most first."""
    strength = np.diag(second)
    order = np.argsort(-strength)
    damped = second[np.ix_(order, order)] + np.eye(len(order)) * (
        _DAMPING * max(strength.mean(), _LEAST)
    )
    # The upper factor of the inverse: row j tells how an error in column j spreads to later ones.
    spread = np.linalg.cholesky(np.linalg.inv(damped)).T
    left = matrix[:, order].copy()
    stored = np.zeros(left.shape, np.int8)
    for start in range(0, len(order), _BLOCK):
        end = min(start + _BLOCK, len(order))
        errors = np.zeros((len(left), end - start))
        for column in range(start, end):
            whole = np.clip(np.rint(left[:, column] / steps[:, 0]), -_LARGEST, _LARGEST)
            stored[:, column] = whole
            error = (left[:, column] - whole * steps[:, 0]) / spread[column, column]
            left[:, column:end] -= np.outer(error, spread[column, column:end])
            errors[:, column - start] = error
        left[:, end:] -= errors @ spread[start:end, end:]
    back = np.empty_like(stored)
    back[:, order] = stored
    return back


def _moments_of(node: NodeProto, weight: Array, given: Array) -> _Moments | None:
    from onnx import helper

    attributes = {it.name: helper.get_attribute_value(it) for it in node.attribute}
    if node.op_type == "MatMul" and weight.ndim == 2:
        return _of_rows(given.reshape(-1, given.shape[-1]))
    if node.op_type == "Gemm" and not attributes.get("transA") and attributes.get("alpha", 1) == 1:
        return _of_rows(given)
    padded = attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
    if node.op_type == "Conv" and weight.ndim == 4 and padded:
        return _of_windows(attributes, weight, given)
    return None


def _of_rows(rows: Array) -> _Moments:
    rows = rows[:: max(1, -(-len(rows) // _MOST_ROWS))]
    second = (rows.T @ rows).astype(np.float64) if rows.shape[1] <= MOST_COLUMNS else None
    return _Moments(rows.sum(axis=0, dtype=np.float64), second, len(rows))


def _of_windows(attributes: Mapping[str, Any], weight: Array, given: Array) -> _Moments:
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    padded = np.pad(given, ((0, 0), (0, 0), (top, bottom), (left, right)))
    dilations = attributes.get("dilations", (1, 1))
    window = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(padded, window, axis=(2, 3))
    step, other = attributes.get("strides", (1, 1))
    seen = seen[:, :, ::step, ::other, :: dilations[0], :: dilations[1]]
    places = len(seen) * seen.shape[2] * seen.shape[3]
    thin = max(1, math.ceil(math.sqrt(places / _MOST_ROWS)))
    seen = seen[:, :, ::thin, ::thin].transpose(0, 2, 3, 1, 4, 5)
    groups = attributes.get("group", 1)
    if groups == 1:
        return _of_rows(seen.reshape(-1, math.prod(seen.shape[3:])))
    of_groups = seen.reshape(-1, groups, math.prod(seen.shape[3:]) // groups)
    first = of_groups.sum(axis=0, dtype=np.float64)
    return _Moments(np.repeat(first, len(weight) // groups, axis=0), None, len(of_groups))


def _session_with(path: Path, wanted: Sequence[str]) -> Any:
    """A session that gives these tensors too, beside the model's outputs."""
    import onnx
    import onnxruntime
    from onnx import helper

    model = onnx.load(path)
    known = {value.name for value in (*model.graph.input, *model.graph.output)}
    new = [name for name in dict.fromkeys(wanted) if name not in known]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in new)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    content = model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
