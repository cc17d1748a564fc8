"""What the answers of one runner come to, picture by picture."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oxidizedvision.config import SegmentationPostprocess
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.postprocess.outputs import check_finite
from oxidizedvision.postprocess.scores import best_first
from oxidizedvision.postprocess.segmentation import mask_of
from oxidizedvision.validate.data.masks import IGNORED, read_mask
from oxidizedvision.validate.data.pictures import Known

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

BEST = 5


@dataclass(frozen=True)
class Figures:
    """What a runner's answers are worth; see `DataResult`."""

    pictures: int
    top1: float | None = None
    top5: float | None = None
    iou: float | None = None
    agreement: float | None = None

    @property
    def accuracy(self) -> float:
        """The figure that may not fall."""
        found = self.top1 if self.top1 is not None else self.iou
        return 0.0 if found is None else found


class Tally(ABC):
    """Takes the outputs of one picture after the other."""

    @abstractmethod
    def add(self, known: Known, outputs: Mapping[str, Array]) -> None:
        """Count one picture.

        Raises:
            OxidizedVisionError: where the outputs are no scores of classes.
        """

    @abstractmethod
    def figures(self, reference: Self | None) -> Figures:
        """What was counted; the agreement is with the same pictures in `reference`."""


class ClassTally(Tally):
    """Of scores `[batch, classes]`: the best classes of each picture.

    Args:
        output: The output's name.
        index: The index of every class of the data set, by name.
        classes: How many the output scores.
    """

    def __init__(self, output: str, index: Mapping[str, int], classes: int) -> None:
        self._output = output
        self._index = index
        self._classes = classes
        self._best: dict[str, tuple[int, ...]] = {}
        self._truth: dict[str, int] = {}

    def add(self, known: Known, outputs: Mapping[str, Array]) -> None:
        tensor = _named(outputs, self._output)
        if tensor.ndim != 2 or tensor.shape[1] != self._classes or tensor.shape[0] == 0:
            raise _no_scores(self._output, tensor, f"[batch, {self._classes}]")
        check_finite(tensor, "which is no score of a class")
        sample = known.sample
        self._best[sample.name] = tuple(map(int, best_first(tensor[0])[:BEST]))
        self._truth[sample.name] = self._index[sample.label]

    def figures(self, reference: Self | None) -> Figures:
        count = len(self._best)
        first = sum(self._truth[name] == best[0] for name, best in self._best.items())
        among = sum(self._truth[name] in best for name, best in self._best.items())
        counted = Figures(
            count,
            top1=first / count,
            top5=among / count if self._classes > BEST else None,
        )
        if reference is None:
            return counted
        same = sum(reference._best[name][0] == best[0] for name, best in self._best.items())
        return replace(counted, agreement=same / count)


class MaskTally(Tally):
    """Of scores `[batch, classes, height, width]`: the class of every pixel of the picture.

    The intersection over union is that of all pictures together, by class; its mean is over the
    classes that are in the masks or were found. With one channel it is that of the foreground.

    Args:
        output: The output's name.
        contract: How its numbers are read; None tells a threshold of one channel from the numbers.
        classes: The channels of the output.
    """

    def __init__(self, output: str, contract: SegmentationPostprocess | None, classes: int) -> None:
        self._output = output
        self._contract = contract
        self._classes = classes
        self._both = np.zeros(max(classes, 2), np.int64)
        self._either = np.zeros(max(classes, 2), np.int64)
        self._found: dict[str, bytes] = {}

    def add(self, known: Known, outputs: Mapping[str, Array]) -> None:
        tensor = _named(outputs, self._output)
        if tensor.ndim != 4 or tensor.shape[0] == 0:
            raise _no_scores(self._output, tensor, "[batch, classes, height, width]")
        mask = mask_of(tensor[:1], self._contract or _shapes_contract(tensor), known.placement)
        found = np.where(mask.ids == mask.unseen, IGNORED, mask.ids.astype(np.int64))
        self._found[known.sample.name] = zlib.compress(found.astype(np.int32).tobytes(), 1)
        if known.sample.mask is None:
            return
        wanted = read_mask(known.sample.mask, self._classes)
        counted = (wanted != IGNORED) & (found != IGNORED)
        for index in range(len(self._both)):
            first, second = wanted[counted] == index, found[counted] == index
            self._both[index] += int((first & second).sum())
            self._either[index] += int((first | second).sum())

    def figures(self, reference: Self | None) -> Figures:
        counted = Figures(len(self._found), iou=self._mean_overlap())
        if reference is None:
            return counted
        return replace(counted, agreement=self._same_pixels(reference))

    def _mean_overlap(self) -> float:
        used = self._either > 0
        used[0] = used[0] and self._classes > 1
        return float(np.mean(self._both[used] / self._either[used])) if used.any() else 1.0

    def _same_pixels(self, reference: MaskTally) -> float:
        same = pixels = 0
        for name, packed in self._found.items():
            first, second = _unpacked(packed), _unpacked(reference._found[name])
            same += int((first == second).sum())
            pixels += first.size
        return same / pixels if pixels else 1.0


def _unpacked(packed: bytes) -> Array:
    return np.frombuffer(zlib.decompress(packed), np.int32)


def _shapes_contract(tensor: Array) -> SegmentationPostprocess:
    """Of a model that has none: one channel of 0 to 1 is cut at 0.5, other numbers at 0."""
    shares = tensor.min() >= 0 and tensor.max() <= 1
    plain: dict[str, Any] = {"activation": "none", "threshold": 0.5 if shares else 0.0}
    return SegmentationPostprocess(kind="segmentation", **plain)


def _named(outputs: Mapping[str, Array], name: str) -> Array:
    if name not in outputs:
        raise OxidizedVisionError(
            Kind.ENGINE_FAILED,
            f"There is no output {name!r}; it gives {', '.join(outputs)}",
            "Run `oxidizedvision convert` again.",
        )
    return outputs[name]


def _no_scores(name: str, tensor: Array, wanted: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.SHAPE_MISMATCH,
        f"The output {name!r} is {list(tensor.shape)} and no scores {wanted}",
        "Correct the network or postprocess.layout.",
    )
