"""Boxes in the picture, from the boxes and scores of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import DetectionPostprocess
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.postprocess.candidates import Candidates, candidates_of
from oxidizedvision.postprocess.outputs import check_finite
from oxidizedvision.postprocess.results import Detection, Detections
from oxidizedvision.postprocess.scores import best_first
from oxidizedvision.postprocess.suppression import suppress
from oxidizedvision.preprocess import Placement

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


def detections_of(
    outputs: Mapping[str, Array], contract: DetectionPostprocess, placement: Placement
) -> Detections:
    """The best boxes, in this order of work.

    Boxes that score more than `score_threshold` in their best class are brought to the picture's
    pixels and cut at its borders; those without area are left out; of two of a class that overlap
    by more than `iou_threshold` the better stays; the `max_detections` best are given.

    Raises:
        OxidizedVisionError: `config`, `shape_mismatch` or `not_single` when the outputs are not
            those of the contract, `engine_failed` when scores, or boxes that score, hold NaN or
            infinity.
    """
    found = candidates_of(outputs, contract)
    found = found.take(np.flatnonzero(found.scores > contract.score_threshold))
    check_finite(found.boxes, "which is no box")
    boxes = _in_picture(_corners(found.boxes, contract, placement), placement)
    has_area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    order = np.flatnonzero(has_area)
    order = order[best_first(found.scores[order])]
    found, boxes = found.take(order), boxes[order]
    kept = suppress(boxes, found.classes, contract.iou_threshold, contract.max_detections)
    rows = (_detection(boxes[row], found, row, contract.labels) for row in kept)
    return Detections(*placement.picture, tuple(rows))


def _corners(boxes: Array, contract: DetectionPostprocess, placement: Placement) -> Array:
    """Left, top, right, bottom in pixels of the network's input."""
    if contract.normalized:
        boxes = boxes * np.asarray([*placement.taken, *placement.taken], np.float64)
    first, second = boxes[:, :2], boxes[:, 2:]
    if contract.box_format == "cxcywh":
        return np.concatenate([first - second / 2.0, first + second / 2.0], axis=1)
    if contract.box_format == "xywh":
        return np.concatenate([first, first + second], axis=1)
    return boxes


def _in_picture(boxes: Array, placement: Placement) -> Array:
    """Corners in the input as corners in the picture, within its borders."""
    picture = np.asarray(placement.picture * 2, np.float64)
    scaled, offset = np.asarray(placement.scaled * 2), np.asarray(placement.offset * 2)
    return np.asarray(np.clip((boxes - offset) * picture / scaled, 0.0, picture))


def _detection(box: Array, found: Candidates, row: int, labels: list[str] | None) -> Detection:
    class_id = int(found.classes[row])
    if class_id < 0 or (labels is not None and class_id >= len(labels)):
        named = "" if labels is None else f", postprocess.labels names {len(labels)}"
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"The output holds class {class_id}{named}",
            "Give one label for each class, the background included where it has an id.",
        )
    left, top, right, bottom = map(float, box)
    label = labels[class_id] if labels else None
    return Detection((left, top, right, bottom), float(found.scores[row]), class_id, label)
