"""How a picture may be cut into tiles: measured from the network, not taken on trust.

A NaN at one input pixel reaches exactly the output pixels that depend on it. The step at which
shifting the input shifts the output gives the multiple. Both are then tried: a picture put
together from tiles has to equal the picture as a whole, else there is no tiling.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.convert.network import Network
from oxidizedvision.convert.shapes import Signature
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.manifest import Tiling

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_MULTIPLES = (1, 2, 3, 4, 5, 6, 7, 8, 12, 14, 16, 24, 28, 32, 64)
_LARGEST_SIDE = 1024
_RELATIVE = 1e-4
"""What tiles may differ by, relative to the largest output: rounding only."""


@dataclass(frozen=True)
class _Pictures:
    """A network seen as a map from pictures to pictures of the same size."""

    network: Network
    shape: tuple[int, ...]
    axes: tuple[int, int]

    def sized(self, height: int, width: int) -> tuple[int, ...]:
        lengths = dict(zip(self.axes, (height, width), strict=True))
        return tuple(lengths.get(axis, length) for axis, length in enumerate(self.shape))

    def run(self, array: Array) -> Array | None:
        """The output, None where the network refuses the size or changes it."""
        try:
            outputs = self.network.run({self.network.inputs[0].name: array})
        except OxidizedVisionError:
            return None
        output = next(iter(outputs.values()))
        same = all(output.shape[axis] == array.shape[axis] for axis in self.axes)
        return output if same else None

    def cut(self, array: Array, rows: slice, columns: slice) -> Array:
        index: list[slice] = [slice(None)] * array.ndim
        index[self.axes[0]], index[self.axes[1]] = rows, columns
        return array[tuple(index)]

    def reached(self, size: tuple[int, int], pixel: tuple[int, int]) -> Array | None:
        """Which output pixels depend on an input pixel: a boolean of height by width."""
        array = np.zeros(self.sized(*size), np.float32)
        rows, columns = (slice(at, at + 1) for at in pixel)
        self.cut(array, rows, columns)[...] = np.nan
        output = self.run(array)
        if output is None:
            return None
        others = tuple(axis for axis in range(output.ndim) if axis not in self.axes)
        found: Array = np.asarray(np.isnan(output).any(axis=others))
        return found


def measure_tiling(network: Network, signature: Signature, layout: str) -> Tiling | None:
    """Overlap and multiple of a network from pictures to pictures; None where it cannot be cut.

    Only networks with one input and one output whose height and width are both symbolic and
    the same in both are looked at.
    """
    axes = (2, 3) if layout == "nchw" else (1, 2)
    if not _maps_pictures(signature, axes):
        return None
    pictures = _Pictures(network, signature.shapes[signature.inputs[0].name], axes)
    with _plain_convolutions():
        found = _field(pictures)
        if found is None:
            return None
        size, reach = found
        multiple = _multiple(pictures, size, reach)
        overlap = None if multiple is None else _overlap(pictures, size, multiple)
    if multiple is None or overlap is None:
        return None
    tiling = Tiling(overlap=overlap, multiple=multiple)
    return tiling if _equals_whole(pictures, size, tiling) else None


@contextmanager
def _plain_convolutions() -> Iterator[None]:
    """Leave out oneDNN: algorithms that transform blocks of pixels carry a NaN further."""
    from torch.backends import mkldnn

    before = mkldnn.enabled
    mkldnn.enabled = False  # type: ignore[assignment]
    try:
        yield
    finally:
        mkldnn.enabled = before


def _maps_pictures(signature: Signature, axes: tuple[int, int]) -> bool:
    if len(signature.inputs) != 1 or len(signature.outputs) != 1:
        return False
    source, target = signature.inputs[0].dims, signature.outputs[0].dims
    return (
        signature.inputs[0].dtype == signature.outputs[0].dtype == "f32"
        and len(source) == len(target) == 4
        and source[axes[0]] != source[axes[1]]
        and all(isinstance(source[i], str) and source[i] == target[i] for i in axes)
    )


def _field(pictures: _Pictures) -> tuple[tuple[int, int], int] | None:
    """A size well beyond what a pixel reaches, and that reach; None for global dependence."""
    height, width = (pictures.shape[axis] for axis in pictures.axes)
    while max(height, width) <= _LARGEST_SIDE:
        centre = (height // 2, width // 2)
        mask = pictures.reached((height, width), centre)
        if mask is None or not mask.any():
            return None
        reach = _reach(mask, centre)
        if 4 * reach < min(height, width):
            return (height, width), reach
        height, width = 2 * height, 2 * width
    return None


def _reach(mask: Array, pixel: tuple[int, int]) -> int:
    places = np.argwhere(mask)
    return int(np.abs(places - np.array(pixel)).max()) if places.size else 0


def _multiple(pictures: _Pictures, size: tuple[int, int], reach: int) -> int | None:
    """The smallest step by which shifting the input shifts the output."""
    generator = np.random.default_rng(0)
    room = max(_MULTIPLES)
    large = generator.standard_normal(
        pictures.sized(size[0] + room, size[1] + room), dtype=np.float32
    )
    whole = slice(0, size[0]), slice(0, size[1])
    first = pictures.run(pictures.cut(large, *whole))
    if first is None:
        return None
    for step in _MULTIPLES:
        moved = slice(step, size[0] + step), slice(step, size[1] + step)
        second = pictures.run(pictures.cut(large, *moved))
        # A pixel of another phase may reach one multiple further than the one measured.
        edge = reach + step
        if second is None or min(size) <= 2 * edge + step:
            return None
        inner = [slice(edge + step, side - edge) for side in size]
        shifted = [slice(edge, side - edge - step) for side in size]
        if _equal(pictures.cut(first, *inner), pictures.cut(second, *shifted)):
            return step
    return None


def _overlap(pictures: _Pictures, size: tuple[int, int], multiple: int) -> int | None:
    """The largest reach over all positions within one multiple."""
    largest = 0
    start = [side // 2 - side // 2 % multiple for side in size]
    for phase in range(multiple):
        pixel = (start[0] + phase, start[1] + phase)
        mask = pictures.reached(size, pixel)
        if mask is None:
            return None
        largest = max(largest, _reach(mask, pixel))
    return largest


def _equals_whole(pictures: _Pictures, size: tuple[int, int], tiling: Tiling) -> bool:
    generator = np.random.default_rng(1)
    picture = generator.standard_normal(pictures.sized(*size), dtype=np.float32)
    whole = pictures.run(picture)
    if whole is None:
        return False
    for rows in _spans(size[0], tiling):
        for columns in _spans(size[1], tiling):
            tile = pictures.run(pictures.cut(picture, rows.read, columns.read))
            if tile is None:
                return False
            ours = pictures.cut(tile, rows.inside, columns.inside)
            if not _equal(ours, pictures.cut(whole, rows.keep, columns.keep), whole):
                return False
    return True


@dataclass(frozen=True)
class _Span:
    """One tile along one axis: what is read, what of it is kept, and where that is in it."""

    read: slice
    keep: slice
    inside: slice


def _spans(length: int, tiling: Tiling) -> Iterator[_Span]:
    """Cut in the middle, off by one multiple so that the two parts differ."""
    middle = length // 2 - length // 2 % tiling.multiple + tiling.multiple
    context = -(-tiling.overlap // tiling.multiple) * tiling.multiple
    for start, end in pairwise([0, middle, length]):
        read = slice(max(start - context, 0), min(end + context, length))
        yield _Span(read, slice(start, end), slice(start - read.start, end - read.start))


def _equal(first: Array, second: Array, scale: Array | None = None) -> bool:
    largest = float(np.abs(second if scale is None else scale).max(initial=0.0))
    return bool(np.abs(first - second).max(initial=0.0) <= _RELATIVE * largest)
