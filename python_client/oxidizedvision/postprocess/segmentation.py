"""The class of every pixel, from `[1, classes, height, width]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import SegmentationPostprocess
from oxidizedvision.core.text import counted
from oxidizedvision.postprocess.outputs import check_finite, check_labels, shape_mismatch
from oxidizedvision.postprocess.results import Mask
from oxidizedvision.postprocess.scores import activated
from oxidizedvision.preprocess import Placement

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_MOST_CLASSES = 65_535


def mask_of(tensor: Array, contract: SegmentationPostprocess, placement: Placement) -> Mask:
    """The mask at the picture's own size, each pixel the nearest one of the network.

    Of equal scores the lower class id counts. With one channel class 1 lies above the threshold.

    Raises:
        OxidizedVisionError: `shape_mismatch` when the tensor has other axes, or labels or colours
            are another number, `engine_failed` when it holds NaN or infinity.
    """
    scores = _channels_last(tensor, contract)
    channels = scores.shape[2]
    classes = max(channels, 2)
    check_labels(contract.labels, classes)
    _check_colors(contract, classes, tensor)
    check_finite(tensor, "which is no score of a class")
    if channels == 1:
        ids = activated(scores[:, :, 0], contract.activation) > contract.threshold
    else:
        ids = scores.argmax(axis=2)
    dtype = np.uint8 if classes <= np.iinfo(np.uint8).max else np.uint16
    labels, colors = contract.labels, contract.colors
    return Mask(
        _at_picture(ids.astype(dtype), placement),
        tuple(labels) if labels else None,
        tuple((red, green, blue) for red, green, blue in colors) if colors else None,
    )


def _channels_last(tensor: Array, contract: SegmentationPostprocess) -> Array:
    nchw = contract.layout == "nchw"
    if tensor.ndim != 4 or tensor.shape[0] != 1 or 0 in tensor.shape:
        axes = "[1, classes, height, width]" if nchw else "[1, height, width, classes]"
        raise shape_mismatch(
            f"A segmentation is {axes}", tensor, "Correct postprocess.layout or the network."
        )
    scores = tensor[0].transpose(1, 2, 0) if nchw else tensor[0]
    if scores.shape[2] > _MOST_CLASSES:
        raise shape_mismatch(
            f"A mask holds at most {_MOST_CLASSES} classes", tensor, "Correct postprocess.layout."
        )
    return np.asarray(scores)


def _check_colors(contract: SegmentationPostprocess, classes: int, tensor: Array) -> None:
    colors = contract.colors
    if colors is not None and len(colors) != classes:
        raise shape_mismatch(
            f"postprocess.colors has {counted(len(colors), 'colour')} for "
            f"{counted(classes, 'class')}",
            tensor,
            "Give one colour for each class, in the order of the output.",
        )


def _at_picture(ids: Array, placement: Placement) -> Array:
    """The network's mask seen from the picture's pixels; what it did not see is `unseen`."""
    rows, rows_seen = _nearest(placement, 1, ids.shape[0])
    columns, columns_seen = _nearest(placement, 0, ids.shape[1])
    mask = ids[rows[:, np.newaxis], columns]
    mask[~(rows_seen[:, np.newaxis] & columns_seen)] = np.iinfo(ids.dtype).max
    return mask


def _nearest(placement: Placement, axis: int, length: int) -> tuple[Array, Array]:
    """For every pixel of the picture along an axis: the mask's pixel, and whether it has one."""
    own, taken = placement.picture[axis], placement.taken[axis]
    center = (np.arange(own) + 0.5) * placement.scaled[axis] / own + placement.offset[axis]
    seen = (center >= 0.0) & (center < taken)
    index = np.floor(center * length / taken).astype(np.int64)
    return np.clip(index, 0, length - 1), seen
