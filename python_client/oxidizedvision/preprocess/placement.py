"""Where a picture lies in the network's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oxidizedvision.config import Resize

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Placement:
    """How a picture was brought into the input: resampled to `scaled`, then put at `offset`.

    picture: The picture's own width and height. taken: Those of the network's input. scaled:
    Those of the picture in the input's pixels. offset: Left and top of the scaled picture within
    the input; negative where the input is a cut of it.
    """

    picture: Size
    taken: Size
    scaled: Size
    offset: tuple[int, int]


def place(picture: Size, resize: Resize | None) -> Placement:
    """Where a picture of this width and height comes to lie.

    `fit`: one side is the input's, the other is rounded half up, as Pillow's `ImageOps.contain`;
    what is left over is shared, an odd pixel going to the right or below. `center-crop`: the
    shorter side is exact and the longer one cut off to whole pixels, as torchvision's `Resize`;
    the cut is centred as by its `CenterCrop`, which rounds half a pixel to the even number.
    """
    if resize is None:
        return Placement(picture, picture, picture, (0, 0))
    taken = (resize.width, resize.height)
    if resize.mode == "stretch":
        return Placement(picture, taken, taken, (0, 0))
    if resize.mode == "fit":
        scaled = _inside(picture, taken)
        left, top = ((to - side) // 2 for to, side in zip(taken, scaled, strict=True))
    else:
        scaled = _around(picture, taken, resize.shorter_side)
        left, top = (-_half_to_even(side - to) for to, side in zip(taken, scaled, strict=True))
    return Placement(picture, taken, scaled, (left, top))


def _inside(picture: Size, taken: Size) -> Size:
    (width, height), (to_width, to_height) = picture, taken
    if width * to_height >= to_width * height:
        exact = (2 * height * to_width + width) // (2 * width)
        return to_width, min(max(exact, 1), to_height)
    exact = (2 * width * to_height + height) // (2 * height)
    return min(max(exact, 1), to_width), to_height


def _around(picture: Size, taken: Size, shorter_side: int | None) -> Size:
    (width, height), (to_width, to_height) = picture, taken
    if shorter_side is not None:
        to_width = to_height = shorter_side
    if width * to_height <= to_width * height:
        return to_width, height * to_width // width
    return width * to_height // height, to_height


def _half_to_even(length: int) -> int:
    half = length // 2
    return half + (half % 2) * (length % 2)
