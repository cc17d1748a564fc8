"""What outputs mean: a picture, the best classes, a mask, or boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.results import to_plain

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Picture:
    """`pixels` is `uint8[height, width, 3]`: red, green, blue."""

    pixels: Array

    def document(self) -> dict[str, Any]:
        """The sides as plain JSON values."""
        height, width = self.pixels.shape[:2]
        return {"schema_version": SCHEMA_VERSION, "kind": "image", "width": width, "height": height}


@dataclass(frozen=True)
class ScoredClass:
    """A class with its score; `label` is None where the contract names none."""

    class_id: int
    label: str | None
    score: float


@dataclass(frozen=True)
class Classification:
    """The best classes, best first; of equal scores the lower class id comes first."""

    classes: tuple[ScoredClass, ...]

    def document(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {"schema_version": SCHEMA_VERSION, "kind": "classification", **to_plain(self)}


@dataclass(frozen=True)
class Detection:
    """A thing found: `box` is left, top, right, bottom in pixels of the picture."""

    box: tuple[float, float, float, float]
    score: float
    class_id: int
    label: str | None


@dataclass(frozen=True)
class Detections:
    """What was found in a picture of this width and height, best first."""

    width: int
    height: int
    detections: tuple[Detection, ...]

    def document(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {"schema_version": SCHEMA_VERSION, "kind": "detection", **to_plain(self)}


@dataclass(frozen=True)
class Mask:
    """The class of every pixel.

    ids: `uint8[height, width]`, or `uint16` above 255 classes; the largest number of the type
    stands where the network saw nothing, because `center-crop` cut it off. labels, colors: of
    the classes, where the contract names them.
    """

    ids: Array
    labels: tuple[str, ...] | None = None
    colors: tuple[tuple[int, int, int], ...] | None = None

    @property
    def unseen(self) -> int:
        """The number of pixels that the network did not see."""
        return int(np.iinfo(self.ids.dtype).max)

    def document(self) -> dict[str, Any]:
        """The sides, and how many pixels each class covers, as plain JSON values."""
        ids, counts = np.unique(self.ids, return_counts=True)
        covered = [
            {
                "class_id": int(class_id),
                "label": self.labels[class_id] if self.labels else None,
                "pixels": int(count),
            }
            for class_id, count in zip(ids, counts, strict=True)
            if class_id != self.unseen
        ]
        height, width = self.ids.shape
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "segmentation",
            "width": width,
            "height": height,
            "classes": covered,
        }
