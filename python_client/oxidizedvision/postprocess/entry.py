"""`postprocess`: a model's outputs as what the contract says they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from oxidizedvision.config import (
    ClassificationPostprocess,
    DetectionPostprocess,
    Postprocess,
    RawPostprocess,
    SegmentationPostprocess,
)
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.postprocess.classification import classes_of
from oxidizedvision.postprocess.detection import detections_of
from oxidizedvision.postprocess.image import picture_of
from oxidizedvision.postprocess.outputs import only_output
from oxidizedvision.postprocess.results import Classification, Detections, Mask, Picture
from oxidizedvision.postprocess.segmentation import mask_of
from oxidizedvision.preprocess import Placement, place

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

Prediction = Picture | Classification | Mask | Detections
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Postprocess)


def postprocess(
    outputs: Mapping[str, Array],
    contract: Postprocess | Mapping[str, Any],
    placement: Placement,
) -> Prediction:
    """What the outputs of one picture mean.

    Args:
        outputs: The outputs by name, with a batch axis of 1.
        contract: `postprocess` of the config, or its JSON form.
        placement: Where the picture lies in the input, from `place`; boxes and masks are brought
            back by it.

    Raises:
        OxidizedVisionError: `unsupported` for kind `raw`, `config` when the contract is none or
            names other outputs, `shape_mismatch` or `not_single` when the outputs do not fit it,
            `engine_failed` when they hold NaN or infinity.
    """
    wanted = _parsed(contract)
    if isinstance(wanted, DetectionPostprocess):
        return detections_of(outputs, wanted, placement)
    if isinstance(wanted, RawPostprocess):
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            "An output of kind 'raw' is numbers and nothing else",
            "Save the outputs as .npy or .npz, or set another postprocess.",
        )
    tensor = only_output(outputs)
    if isinstance(wanted, ClassificationPostprocess):
        return classes_of(tensor, wanted)
    if isinstance(wanted, SegmentationPostprocess):
        return mask_of(tensor, wanted, placement)
    return Picture(picture_of(tensor, wanted))


def placement_of_input(shape: tuple[int, ...], layout: str = "nchw") -> Placement:
    """The placement where a tensor and no picture went in: the input itself is the picture."""
    height, width = (shape[1:3] if layout == "nhwc" else shape[2:4]) if len(shape) == 4 else (1, 1)
    return place((width, height), None)


def _parsed(contract: Postprocess | Mapping[str, Any]) -> Postprocess:
    if not isinstance(contract, Mapping):
        return contract
    try:
        parsed: Postprocess = _ADAPTER.validate_python(dict(contract))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("postprocess", *first["loc"])))
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"{where}: {first['msg']}",
            "`oxidizedvision config schema` describes every key.",
        ) from error
    return parsed
