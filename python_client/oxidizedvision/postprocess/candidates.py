"""Boxes with their best class and its score, from one output or from one each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import DetectionPostprocess
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.postprocess.outputs import (
    check_finite,
    check_labels,
    named_output,
    only_output,
    shape_mismatch,
)
from oxidizedvision.postprocess.scores import activated

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_HINT = "Correct postprocess.box_axis, or which outputs postprocess names."


@dataclass(frozen=True)
class Candidates:
    """`boxes` is `f64[boxes, 4]` as the network gives them, `scores` and `classes` one each."""

    boxes: Array
    scores: Array
    classes: Array

    def take(self, rows: Array) -> Candidates:
        """These rows, in this order."""
        return Candidates(self.boxes[rows], self.scores[rows], self.classes[rows])


def candidates_of(outputs: Mapping[str, Array], contract: DetectionPostprocess) -> Candidates:
    """Every box of the outputs; what is background scores minus infinity.

    Raises:
        OxidizedVisionError: `config`, `shape_mismatch` or `not_single` when the outputs are not
            those of the contract, `engine_failed` when scores or classes hold NaN or infinity.
    """
    if contract.boxes is None:
        return _from_one(outputs, contract)
    tensor = named_output(outputs, contract.boxes, "boxes")
    boxes = _rows(tensor, contract, "Boxes are [1, boxes, 4]")
    if boxes.shape[1] != 4:
        raise shape_mismatch("Boxes have 4 numbers each", tensor, _HINT)
    given = named_output(outputs, contract.scores or "", "scores")
    scores = _scores(given, tensor, contract)
    if len(scores) != len(boxes):
        raise _unequal(len(boxes), "boxes", len(scores), "scores")
    boxes = boxes.astype(np.float64)
    if contract.classes is None:
        return _best_class(boxes, scores, contract)
    classes = named_output(outputs, contract.classes, "classes")
    if scores.shape[1] != 1 or classes.shape != given.shape:
        raise shape_mismatch(
            f"Scores and classes are one a box: scores {list(given.shape)}", classes, _HINT
        )
    return _of_class(boxes, scores[:, 0], classes.reshape(-1), contract)


def _from_one(outputs: Mapping[str, Array], contract: DetectionPostprocess) -> Candidates:
    name = contract.predictions
    tensor = named_output(outputs, name, "predictions") if name else only_output(outputs)
    rows = _rows(tensor, contract, "Predictions are [1, boxes, 4 numbers of a box and its scores]")
    boxes, rest = rows[:, :4].astype(np.float64), rows[:, 4:]
    least = {"scores": 1, "objectness-scores": 2, "score-class": 2}[contract.attributes]
    exact = contract.attributes == "score-class"
    if rest.shape[1] < least or (exact and rest.shape[1] != least):
        wanted = f"{'exactly' if exact else 'at least'} {4 + least}"
        raise shape_mismatch(
            f"With attributes: {contract.attributes} a box has {wanted} numbers", tensor, _HINT
        )
    check_finite(rest, "which is no score of a box")
    if exact:
        return _of_class(boxes, rest[:, 0], rest[:, 1], contract)
    if contract.attributes == "scores":
        return _best_class(boxes, rest, contract)
    gate = "none" if contract.activation == "none" else "sigmoid"
    return _best_class(boxes, rest[:, 1:], contract, activated(rest[:, :1], gate))


def _rows(tensor: Array, contract: DetectionPostprocess, wanted: str) -> Array:
    """`[boxes, attributes]`, whether or not there is a batch axis of 1."""
    batched = tensor.ndim == 3 and tensor.shape[0] == 1
    if not batched and tensor.ndim != 2:
        raise shape_mismatch(wanted, tensor, _HINT)
    rows = tensor[0] if batched else tensor
    return rows.T if contract.box_axis == 2 else rows


def _scores(tensor: Array, boxes: Array, contract: DetectionPostprocess) -> Array:
    """`[boxes, 1]` or `[boxes, classes]`: with a batch axis where the boxes have one."""
    check_finite(tensor, "which is no score of a box")
    if tensor.ndim == boxes.ndim:
        return _rows(tensor, contract, "Scores are [1, boxes, classes]")
    batched = tensor.ndim == 2 and tensor.shape[0] == 1
    if tensor.ndim != boxes.ndim - 1 or not (batched or tensor.ndim == 1):
        raise shape_mismatch("Scores are [1, boxes] or [1, boxes, classes]", tensor, _HINT)
    return tensor.reshape(-1, 1)


def _best_class(
    boxes: Array, values: Array, contract: DetectionPostprocess, objectness: Array | float = 1.0
) -> Candidates:
    """Of equal scores the lower class id counts."""
    classes = values.shape[1]
    check_labels(contract.labels, classes)
    scores = activated(values, contract.activation) * objectness
    if contract.background is not None and contract.background < classes:
        scores[:, contract.background] = -np.inf
    if not len(scores):
        return Candidates(boxes, np.zeros(0), np.zeros(0, np.int64))
    best = scores.argmax(axis=1)
    return Candidates(boxes, scores[np.arange(len(scores)), best], best)


def _of_class(
    boxes: Array, values: Array, classes: Array, contract: DetectionPostprocess
) -> Candidates:
    check_finite(classes, "which is no class")
    ids = np.rint(classes.astype(np.float64)).astype(np.int64)
    scores = activated(values, contract.activation)
    if contract.background is not None:
        scores[ids == contract.background] = -np.inf
    return Candidates(boxes, scores, ids)


def _unequal(left: int, left_name: str, right: int, right_name: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.SHAPE_MISMATCH,
        f"The outputs hold {left} {left_name} and {right} {right_name}",
        _HINT,
    )
