"""Pictures to tensors: the reference that `vision_io` is held to."""

from oxidizedvision.preprocess.files import MAX_PIXELS, MAX_SIDE, read_picture, write_picture
from oxidizedvision.preprocess.placement import Placement, place
from oxidizedvision.preprocess.resize import resize
from oxidizedvision.preprocess.tensor import preprocess

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "Placement",
    "place",
    "preprocess",
    "read_picture",
    "resize",
    "write_picture",
]
