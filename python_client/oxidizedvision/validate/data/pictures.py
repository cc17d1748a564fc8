"""The pictures of a data set as inputs, each decoded once where memory allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.config import Preprocess
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.core.text import counted
from oxidizedvision.preprocess import Placement, place, read_picture
from oxidizedvision.preprocess.placement import Size
from oxidizedvision.validate.data.masks import read_mask
from oxidizedvision.validate.data.report import UnreadPicture
from oxidizedvision.validate.data.source import Sample
from oxidizedvision.validate.files import tensor_of

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_KEPT_BYTES = 256 << 20


@dataclass(frozen=True)
class Known:
    """A picture that can be used, and where it lies in the input."""

    sample: Sample
    placement: Placement


@dataclass
class Pictures:
    """Those that can be read and that fit, in order; `unread` are the others.

    contract, spec: how a picture becomes the input, and what that is. classes: how many the model
    tells apart, which its masks are held to.
    """

    contract: Preprocess
    spec: TensorSpec
    classes: int
    usable: list[Known] = field(default_factory=list)
    unread: list[UnreadPicture] = field(default_factory=list)
    _kept: dict[str, Array] = field(default_factory=dict)
    _room: int = _KEPT_BYTES

    def read(self, samples: Sequence[Sample]) -> None:
        """Try every picture.

        Raises:
            OxidizedVisionError: `input` when none can be used.
        """
        for sample in samples:
            try:
                self._try(sample)
            except OxidizedVisionError as error:
                self.unread.append(UnreadPicture(sample.name, error.message))
        if not self.usable:
            first = self.unread[0]
            raise OxidizedVisionError(
                Kind.INPUT,
                f"None of {counted(len(self.unread), 'picture')} can be used; {first.file}: "
                f"{first.reason}",
                "Give PNG, JPEG, WebP or BMP files that fit the model.",
            )

    def _try(self, sample: Sample) -> None:
        pixels = read_picture(sample.path)
        size = (pixels.shape[1], pixels.shape[0])
        if sample.mask is not None:
            self._check_mask(sample.mask, size)
        array = tensor_of(pixels, sample.path, self.contract, self.spec)
        self.usable.append(Known(sample, place(size, self.contract.resize)))
        if array.nbytes <= self._room:
            self._room -= array.nbytes
            self._kept[sample.name] = array

    def _check_mask(self, path: Path, size: Size) -> None:
        height, width = read_mask(path, self.classes).shape
        if (width, height) != size:
            raise OxidizedVisionError(
                Kind.INPUT,
                f"{path} is a mask of {width} x {height} pixels, the picture has "
                f"{size[0]} x {size[1]}",
                "Give a mask of the picture's own size.",
            )

    def __iter__(self) -> Iterator[tuple[Known, Array]]:
        for known in self.usable:
            sample = known.sample
            array = self._kept.get(sample.name)
            if array is None:
                array = tensor_of(read_picture(sample.path), sample.path, self.contract, self.spec)
            yield known, array
