"""Non-maximum suppression, a class at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


def suppress(boxes: Array, classes: Array, threshold: float | None, most: int) -> list[int]:
    """The rows that stay, at most `most` of them.

    A box stays unless one of its class that stays before it overlaps it by more than `threshold`
    (intersection over union). That is `torchvision.ops.batched_nms` on rows in falling order of
    score, ended early.

    Args:
        boxes: `f64[rows, 4]`: left, top, right, bottom; best first, all with area.
        classes: The class id of each.
        threshold: None keeps all.
        most: How many rows are wanted.
    """
    if threshold is None:
        return list(range(min(len(boxes), most)))
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    by_class: dict[int, list[int]] = {}
    for row in range(len(boxes)):
        if len(kept) == most:
            break
        rivals = by_class.setdefault(int(classes[row]), [])
        if not rivals or _largest_overlap(boxes, areas, rivals, row) <= threshold:
            rivals.append(row)
            kept.append(row)
    return kept


def _largest_overlap(boxes: Array, areas: Array, rivals: list[int], row: int) -> float:
    others = boxes[rivals]
    sides = np.minimum(others[:, 2:], boxes[row, 2:]) - np.maximum(others[:, :2], boxes[row, :2])
    shared = np.maximum(sides, 0.0).prod(axis=1)
    return float((shared / (areas[rivals] + areas[row] - shared)).max())
