"""Pictures brought to a size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.preprocess.files import MAX_PIXELS
from oxidizedvision.preprocess.placement import Placement, Size, place
from oxidizedvision.preprocess.sampling import height_first, sample

if TYPE_CHECKING:
    from oxidizedvision.config import Resize
    from oxidizedvision.core.tensors import Array

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resize(picture: Array, to: Resize) -> Array:
    """A picture `uint8[height, width, channels]` of 1 or 3 channels, brought to the size wanted.

    With `antialias` it is Pillow that resamples, without it `sampling.sample`.

    Raises:
        OxidizedVisionError: `input` when so long a picture would grow too large before it is cut.
    """
    placement = place((picture.shape[1], picture.shape[0]), to)
    width, height = placement.scaled
    if placement.scaled != placement.taken and width * height > MAX_PIXELS:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"a picture of {picture.shape[1]} x {picture.shape[0]} pixels would have {width} x "
            f"{height} before it is cut",
            "Cut the picture first, or set another preprocess.resize.mode.",
        )
    return _placed(_resampled(picture, placement.scaled, to), placement, to.pad)


def _resampled(picture: Array, size: Size, to: Resize) -> Array:
    if not to.antialias:
        return sample(picture, size, to.filter)
    own = (picture.shape[1], picture.shape[0])
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    # Two passes in the order of Pillow 13, whichever Pillow is installed.
    halfway = (own[0], size[1]) if height_first(own, size) else (size[0], own[1])
    for sides in (halfway, size):
        image = image.resize(sides, _FILTERS[to.filter])
    return np.atleast_3d(np.asarray(image))


def _placed(picture: Array, placement: Placement, pad: int) -> Array:
    """The input's window: a cut of the picture, or the picture on an even ground."""
    (width, height), (left, top) = placement.taken, placement.offset
    if placement.scaled[0] >= width and placement.scaled[1] >= height:
        return picture[-top : height - top, -left : width - left]
    ground = np.full((height, width, picture.shape[2]), pad, np.uint8)
    ground[top : top + placement.scaled[1], left : left + placement.scaled[0]] = picture
    return ground
