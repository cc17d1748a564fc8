"""Pictures through a loaded model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import DTYPES, TensorSpec
from oxidizedvision.postprocess import Picture, Prediction, placement_of_input, postprocess
from oxidizedvision.predict.contract import Contract
from oxidizedvision.preprocess import Placement, place, preprocess
from oxidizedvision.preprocess.tensor import preprocess_contract

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_FLOATS = ("f32", "f16", "f64")


@dataclass(frozen=True)
class PictureInput:
    """A picture as the model's one input.

    pixels: the picture. placement: where it lies in the input. taken: the sides it was brought to
    because the model takes no others; None where it went in at its own or its contract's size.
    """

    tensors: dict[str, Array]
    pixels: Array
    placement: Placement
    taken: tuple[int, int] | None = None

    @property
    def note(self) -> str:
        """What the user should know about the result."""
        if self.taken is None:
            return ""
        width, height = self.taken
        return f"resized to the model's {width} x {height} pixels and back, which costs detail"


def check_takes_pictures(model: str, inputs: tuple[TensorSpec, ...], contract: Contract) -> None:
    """Refuse a model that no picture can be given to.

    Raises:
        OxidizedVisionError: `input` with the reason.
    """
    reason = ""
    if contract.preprocess is None:
        reason = "nothing says how a picture becomes its input (preprocess)"
    elif len(inputs) != 1:
        reason = f"it has {len(inputs)} inputs"
    elif len(inputs[0].dims) != 4 or inputs[0].dtype not in _FLOATS:
        reason = f"it takes {inputs[0].dtype} {inputs[0].dims_text()}"
    if reason:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{model} takes no pictures: {reason}",
            "Give tensors (.npy, .npz, .safetensors), or set preprocess in the config and convert.",
        )


def picture_input(picture: Array, spec: TensorSpec, contract: Contract) -> PictureInput:
    """A picture `uint8[height, width, 3]` as the model takes it.

    A model of one fixed size that gives pictures takes others too: stretched to its size, as the
    packaged program does it.

    Raises:
        OxidizedVisionError: `input` when it cannot fit the model.
    """
    recipe = preprocess_contract(contract.preprocess or {})
    given = (picture.shape[1], picture.shape[0])
    fixed = _fixed_size(spec, recipe.layout, given)
    placement, taken, pixels = place(given, recipe.resize), None, picture
    if recipe.resize is None and fixed != given and contract.gives_pictures:
        taken = fixed
        pixels = _stretched(picture, fixed)
    array = preprocess(pixels, recipe).astype(DTYPES[spec.dtype])
    if not _fits(spec, array):
        raise OxidizedVisionError(
            Kind.INPUT,
            f"the picture becomes an input of {list(array.shape)}, the model takes "
            f"{spec.dims_text()}",
            "Give a picture of that size, or set preprocess.resize in the config and convert.",
        )
    return PictureInput({spec.name: array}, picture, placement, taken)


def prediction_of(
    outputs: Mapping[str, Array],
    contract: Contract,
    put_in: PictureInput | None,
    tensors: Mapping[str, Array],
) -> Prediction:
    """What the outputs mean, at the picture's own size.

    `put_in` is None where `tensors` and no picture went in: then the input is the picture.

    Raises:
        OxidizedVisionError: as `postprocess`.
    """
    if put_in is None:
        layout = str((contract.preprocess or {}).get("layout", "nchw"))
        placement = placement_of_input(next(iter(tensors.values())).shape, layout)
        return postprocess(outputs, contract.postprocess or {}, placement)
    made = postprocess(outputs, contract.postprocess or {}, put_in.placement)
    if put_in.taken is None or not isinstance(made, Picture):
        return made
    height, width = made.pixels.shape[:2]
    # The model itself may enlarge: the result keeps that factor.
    back = tuple(
        max(1, own * side // took)
        for own, side, took in zip(
            put_in.placement.picture, (width, height), put_in.taken, strict=True
        )
    )
    return Picture(_stretched(made.pixels, (back[0], back[1])))


def _fixed_size(spec: TensorSpec, layout: str, given: tuple[int, int]) -> tuple[int, int]:
    """Width and height that the model takes; the picture's own where it takes any."""
    height, width = spec.dims[1:3] if layout == "nhwc" else spec.dims[2:4]
    return (
        width if isinstance(width, int) else given[0],
        height if isinstance(height, int) else given[1],
    )


def _stretched(picture: Array, size: tuple[int, int]) -> Array:
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _fits(spec: TensorSpec, array: Array) -> bool:
    return all(
        isinstance(dim, str) or dim == length
        for dim, length in zip(spec.dims, array.shape, strict=True)
    )
