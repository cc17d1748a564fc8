"""What a model's outputs are, where they are no picture: labels, masks, boxes or numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from oxidizedvision.config.labels import Labels
from oxidizedvision.config.part import Finite, Layout, Length, Part, Share

Activation = Literal["none", "sigmoid", "softmax"]
Channel = Annotated[int, Field(ge=0, le=255)]
Rgb = Annotated[list[Channel], Field(min_length=3, max_length=3)]

_LABELS = Field(
    default=None,
    description="Names of the classes in order: a list, or a text file with one a line.",
)


class ClassificationPostprocess(Part):
    """The output [1, classes] scores the classes."""

    kind: Literal["classification"] = Field(description="The output tells the class.")
    labels: Labels = _LABELS
    top_k: Length = Field(default=5, description="How many of the best classes are given.")
    activation: Activation = Field(
        default="softmax",
        description="Makes scores of the output; none where the network has done it, sigmoid "
        "where a picture may have several classes.",
    )


class SegmentationPostprocess(Part):
    """The output [1, classes, height, width] scores the classes of every pixel."""

    kind: Literal["segmentation"] = Field(description="The output tells the class of every pixel.")
    labels: Labels = _LABELS
    colors: list[Rgb] | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="[red, green, blue] of every class, which the mask's file is shown in.",
    )
    threshold: Finite = Field(
        default=0.5, description="With one channel: class 1 lies above, class 0 elsewhere."
    )
    activation: Literal["none", "sigmoid"] = Field(
        default="sigmoid", description="With one channel: applied before the threshold."
    )
    layout: Layout = Field(default="nchw", description="Order of the tensor's axes.")


class DetectionPostprocess(Part):
    """The outputs are boxes with scores: in one tensor, or in one each.

    The four keys that name outputs are left out for a model of one output, which then holds
    everything.
    """

    kind: Literal["detection"] = Field(description="The outputs tell where things are.")
    labels: Labels = _LABELS
    predictions: str | None = Field(
        default=None, description="The output that holds boxes and scores in one."
    )
    boxes: str | None = Field(default=None, description="The output that holds boxes.")
    scores: str | None = Field(
        default=None,
        validate_default=True,
        description="The output that holds the scores of the boxes: one each, or one for every "
        "class.",
    )
    classes: str | None = Field(
        default=None, description="The output that holds the class of each box."
    )
    attributes: Literal["scores", "objectness-scores", "score-class"] = Field(
        default="scores",
        description="What follows the box in predictions: a score for every class; objectness "
        "and then these; or one score and the class.",
    )
    box_axis: Literal[1, 2] = Field(
        default=1,
        description="The axis that counts boxes: 1 in [1, boxes, attributes], 2 in "
        "[1, attributes, boxes].",
    )
    box_format: Literal["xyxy", "xywh", "cxcywh"] = Field(
        default="xyxy",
        description="Two corners; the upper left corner and the sides; the centre and the sides.",
    )
    normalized: bool = Field(
        default=False,
        description="Boxes are parts of the input's sides, of 0 to 1; else they are its pixels.",
    )
    activation: Activation = Field(
        default="none", description="Makes scores of the output; none where the network did it."
    )
    background: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="The class that means nothing is there, where there is one."
    )
    score_threshold: Share = Field(default=0.25, description="Boxes must score more than this.")
    iou_threshold: Share | None = Field(
        default=0.5,
        description="Non-maximum suppression: of two boxes of a class that overlap by more, the "
        "better stays. Null keeps all.",
    )
    max_detections: Length = Field(default=100, description="How many of the best are given.")

    @field_validator("boxes")
    @classmethod
    def _no_second_place(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("predictions") is not None:
            raise ValueError("predictions already names the output with the boxes")
        return value

    @field_validator("scores")
    @classmethod
    def _boxes_and_scores(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "boxes" in info.data and (value is None) != (info.data["boxes"] is None):
            raise ValueError("boxes and scores are named together")
        return value

    @field_validator("classes")
    @classmethod
    def _classes_of_boxes(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("scores") is None:
            raise ValueError("classes are named together with boxes and scores")
        return value

    @field_validator("activation")
    @classmethod
    def _softmax_of_several(cls, value: str, info: ValidationInfo) -> str:
        single = info.data.get("classes") or info.data.get("attributes") == "score-class"
        if value == "softmax" and single:
            raise ValueError("softmax needs a score for every class")
        return value


class RawPostprocess(Part):
    """The output tensor as it is."""

    kind: Literal["raw"] = Field(description="The output is a tensor.")
