"""From the output tensor to a picture.

`pixel = round(clamp((value * std + mean) / scale, 0, 255))`, in the order of `color`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import ImagePostprocess
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.postprocess.outputs import check_finite

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


def picture_of(tensor: Array, contract: ImagePostprocess) -> Array:
    """A tensor with a batch axis of 1 as a picture `uint8[height, width, 3]`.

    Raises:
        OxidizedVisionError: `shape_mismatch` when the tensor has not the contract's axes or
            channels, `engine_failed` when it holds NaN or infinity.
    """
    _check_shape(tensor, contract)
    check_finite(tensor, "which no picture can show")
    rows_first = tensor[0].transpose(1, 2, 0) if contract.layout == "nchw" else tensor[0]
    values = rows_first.astype(np.float64)
    mean, std = np.asarray(contract.mean), np.asarray(contract.std)
    values = (values * std + mean) / contract.scale
    pixels = np.rint(np.clip(values, 0.0, 255.0)).astype(np.uint8)
    if contract.color == "gray":
        pixels = np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, ::-1] if contract.color == "bgr" else pixels)


def _check_shape(tensor: Array, contract: ImagePostprocess) -> None:
    channels = 1 if contract.color == "gray" else 3
    nchw = contract.layout == "nchw"
    fits = tensor.ndim == 4 and tensor.shape[0] == 1 and 0 not in tensor.shape
    if not fits or tensor.shape[1 if nchw else 3] != channels:
        axes = f"[1, {channels}, height, width]" if nchw else f"[1, height, width, {channels}]"
        raise OxidizedVisionError(
            Kind.SHAPE_MISMATCH,
            f"A picture of color {contract.color} is {axes}, the output is {list(tensor.shape)}",
            "Correct postprocess.color and postprocess.layout.",
        )
