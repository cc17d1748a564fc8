"""Resampling without antialiasing: every filter at its own width, however much is left out.

`nearest`, `bilinear` and `bicubic` are those of `torch.nn.functional.interpolate` with
`align_corners=False` and `antialias=False`, rounded once in the end. `box`, `hamming` and
`lanczos`, which PyTorch does not have, are Pillow's as it enlarges: their support is not widened
when shrinking, and each of the two passes rounds to 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_CUBIC = -0.75  # PyTorch's and OpenCV's; Pillow's, and PyTorch's with antialias, is -0.5


@dataclass(frozen=True)
class _Taps:
    """For every target pixel the source pixels `index[target, tap]` and their weights."""

    index: Array
    weight: Array


def sample(picture: Array, size: tuple[int, int], name: str) -> Array:
    """A picture `uint8[height, width, channels]` at another width and height."""
    (width, height), (own_height, own_width) = size, picture.shape[:2]
    if name == "nearest":
        rows, columns = _nearest(own_height, height), _nearest(own_width, width)
        return np.asarray(picture[rows[:, np.newaxis], columns])
    if name in _KERNELS:
        return _in_two_passes(picture, size, name)
    taps = _linear if name == "bilinear" else _cubic
    values = _across(picture, taps(own_width, width))
    values = _down(values, taps(own_height, height))
    return np.asarray(np.rint(np.clip(values, 0.0, 255.0)).astype(np.uint8))


def height_first(own: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Whether columns are resampled before rows, as Pillow has it from its version 13 on.

    It shows, because each pass rounds and clips to 8 bits. Both are width and height.
    """
    less_width, less_height = own[0] - wanted[0], own[1] - wanted[1]
    return less_height > 0 and less_height > 2 * less_width


def _in_two_passes(picture: Array, size: tuple[int, int], name: str) -> Array:
    own = (picture.shape[1], picture.shape[0])
    passes = [(0, _across), (1, _down)]
    for axis, resampled in reversed(passes) if height_first(own, size) else passes:
        if size[axis] != own[axis]:
            picture = _rounded(resampled(picture, _pillow(own[axis], size[axis], name)))
    return picture


def _rounded(values: Array) -> Array:
    return np.floor(np.clip(values, 0.0, 255.0) + 0.5).astype(np.uint8)


def _across(values: Array, taps: _Taps) -> Array:
    total = np.zeros((values.shape[0], len(taps.index), values.shape[2]))
    for index, weight in zip(taps.index.T, taps.weight.T, strict=True):
        total += values[:, index] * weight[:, np.newaxis]
    return total


def _down(values: Array, taps: _Taps) -> Array:
    total = np.zeros((len(taps.index), *values.shape[1:]))
    for index, weight in zip(taps.index.T, taps.weight.T, strict=True):
        total += values[index] * weight[:, np.newaxis, np.newaxis]
    return total


def _nearest(own: int, wanted: int) -> Array:
    """PyTorch computes the place in single precision, which shows where it is a whole number."""
    scale = np.float32(own) / np.float32(wanted)
    place = np.floor(np.arange(wanted, dtype=np.float32) * scale).astype(np.int64)
    return np.asarray(np.minimum(place, own - 1))


def _linear(own: int, wanted: int) -> _Taps:
    left, share = _place(own, wanted)
    index = left[:, np.newaxis] + np.arange(2)
    return _Taps(np.clip(index, 0, own - 1), np.stack([1.0 - share, share], axis=1))


def _cubic(own: int, wanted: int) -> _Taps:
    left, share = _place(own, wanted)
    index = left[:, np.newaxis] + np.arange(-1, 3)
    distance = np.stack([share + 1.0, share, 1.0 - share, 2.0 - share], axis=1)
    return _Taps(np.clip(index, 0, own - 1), _cubic_kernel(distance))


def _place(own: int, wanted: int) -> tuple[Array, Array]:
    """For every target pixel the pixel to the left of its centre, and how far that is."""
    center = (np.arange(wanted) + 0.5) * (own / wanted) - 0.5
    left = np.floor(center)
    return left.astype(np.int64), center - left


def _cubic_kernel(x: Array) -> Array:
    near = ((_CUBIC + 2.0) * x - (_CUBIC + 3.0)) * x * x + 1.0
    far = ((_CUBIC * x - 5.0 * _CUBIC) * x + 8.0 * _CUBIC) * x - 4.0 * _CUBIC
    return np.where(x <= 1.0, near, far)


def _pillow(own: int, wanted: int, name: str) -> _Taps:
    kernel, support = _KERNELS[name]
    center = (np.arange(wanted) + 0.5) * (own / wanted)
    first = np.maximum(np.trunc(center - support + 0.5), 0.0).astype(np.int64)
    end = np.minimum(np.trunc(center + support + 0.5), own).astype(np.int64)
    index = first[:, np.newaxis] + np.arange(int((end - first).max()))
    weight = kernel(index - center[:, np.newaxis] + 0.5)
    weight = np.where(index < end[:, np.newaxis], weight, 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    return _Taps(np.minimum(index, own - 1), weight)


def _box(x: Array) -> Array:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _hamming(x: Array) -> Array:
    return np.where(np.abs(x) < 1.0, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0.0)


def _lanczos(x: Array) -> Array:
    return np.where((x >= -3.0) & (x < 3.0), np.sinc(x) * np.sinc(x / 3.0), 0.0)


_KERNELS: dict[str, tuple[Callable[[Array], Array], float]] = {
    "box": (_box, 0.5),
    "hamming": (_hamming, 1.0),
    "lanczos": (_lanczos, 3.0),
}
