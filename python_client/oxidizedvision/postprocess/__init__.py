"""Outputs to results: the reference that `vision_io` is held to."""

from oxidizedvision.postprocess.entry import Prediction, placement_of_input, postprocess
from oxidizedvision.postprocess.image import picture_of
from oxidizedvision.postprocess.results import (
    Classification,
    Detection,
    Detections,
    Mask,
    Picture,
    ScoredClass,
)

__all__ = [
    "Classification",
    "Detection",
    "Detections",
    "Mask",
    "Picture",
    "Prediction",
    "ScoredClass",
    "picture_of",
    "placement_of_input",
    "postprocess",
]
