"""The picture contracts: how a picture becomes a tensor, and a tensor a result."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from oxidizedvision.config.part import Finite, Layout, Length, Part
from oxidizedvision.config.results import (
    ClassificationPostprocess,
    DetectionPostprocess,
    RawPostprocess,
    SegmentationPostprocess,
)

Color = Literal["rgb", "bgr", "gray"]
Filter = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


class Resize(Part):
    """How a picture is brought to the network's size before anything else."""

    width: Length = Field(description="Width in pixels.")
    height: Length = Field(description="Height in pixels.")
    mode: Literal["stretch", "fit", "center-crop"] = Field(
        default="stretch",
        description="fit keeps the aspect and pads; center-crop keeps it and cuts.",
    )
    filter: Filter = Field(default="bilinear", description="Pillow's filter of the same name.")
    antialias: bool = Field(
        default=True,
        description="Widen the filter when shrinking, as Pillow does; false gives what "
        "torch.nn.functional.interpolate gives.",
    )
    pad: Annotated[int, Field(ge=0, le=255)] = Field(
        default=0, description="With fit: the brightness around the picture; YOLO takes 114."
    )
    shorter_side: Length | None = Field(
        default=None,
        description="With center-crop: the picture's shorter side before the cut, as "
        "torchvision's Resize; null takes the smallest that covers width and height.",
    )

    @field_validator("pad")
    @classmethod
    def _pads_only_to_fit(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("mode") in ("stretch", "center-crop"):
            raise ValueError(f"nothing is padded with mode {info.data['mode']}")
        return value

    @field_validator("shorter_side")
    @classmethod
    def _covers_the_cut(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is None:
            return value
        if info.data.get("mode") in ("stretch", "fit"):
            raise ValueError(f"nothing is cut with mode {info.data['mode']}")
        longest = max(info.data.get("width", 0), info.data.get("height", 0))
        if value < longest:
            raise ValueError(f"expected at least {longest}, the longest side of the cut")
        return value


class _PixelScale(Part):
    color: Color = Field(default="rgb", description="Order of the channels.")
    scale: Finite = Field(default=1 / 255, gt=0, description="Factor on pixels of 0 to 255.")
    mean: list[Finite] = Field(
        default=[0.0], description="Subtracted after scaling: one number, or one a channel."
    )
    std: list[Annotated[Finite, Field(gt=0)]] = Field(
        default=[1.0], description="Divided by last: one number, or one a channel."
    )
    layout: Layout = Field(default="nchw", description="Order of the tensor's axes.")

    @field_validator("mean", "std")
    @classmethod
    def _one_a_channel(cls, value: list[float], info: ValidationInfo) -> list[float]:
        if "color" not in info.data:
            return value  # it has an error of its own
        channels = 1 if info.data["color"] == "gray" else 3
        if len(value) not in (1, channels):
            wanted = "1 number" if channels == 1 else "1 or 3 numbers"
            raise ValueError(f"expected {wanted} for color {info.data['color']}")
        return value


class Preprocess(_PixelScale):
    """From a picture to the input tensor: (pixel * scale - mean) / std."""

    resize: Resize | None = Field(default=None, description="Null keeps the picture's size.")


class ImagePostprocess(_PixelScale):
    """From the output tensor to a picture: (value * std + mean) / scale, rounded and clamped."""

    kind: Literal["image"] = Field(description="The output is a picture.")


Postprocess = Annotated[
    ImagePostprocess
    | ClassificationPostprocess
    | SegmentationPostprocess
    | DetectionPostprocess
    | RawPostprocess,
    Field(discriminator="kind"),
]

__all__ = [
    "ClassificationPostprocess",
    "Color",
    "DetectionPostprocess",
    "Filter",
    "ImagePostprocess",
    "Postprocess",
    "Preprocess",
    "RawPostprocess",
    "Resize",
    "SegmentationPostprocess",
]
