"""Resizing equals Pillow with antialias and PyTorch without, within 1 of 255, on every picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_set import Pixels, checkerboard, gradient, noise, pictures
from PIL import Image, ImageOps
from torch.nn.functional import interpolate
from torchvision.transforms import CenterCrop, InterpolationMode
from torchvision.transforms import Resize as TorchResize

from oxidizedvision.config import Resize
from oxidizedvision.preprocess import place, resize

FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
SIZES = [(16, 16), (7, 61), (64, 5), (1, 1), (97, 89)]
"""Width and height."""


def resized(picture: Pixels, size: tuple[int, int], **keys: Any) -> Pixels:
    return resize(picture, Resize(width=size[0], height=size[1], **keys))


def worst(got: Pixels, wanted: Pixels) -> int:
    assert got.shape == wanted.shape
    return int(np.abs(got.astype(int) - wanted).max())


def pillow(picture: Pixels, size: tuple[int, int], name: str) -> Pixels:
    method = Image.Resampling[name.upper()]
    return np.asarray(Image.fromarray(picture).resize(size, method))


def pytorch(picture: Pixels, size: tuple[int, int], name: str) -> Pixels:
    tensor = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
    keys: dict[str, Any] = {} if name.startswith("nearest") else {"align_corners": False}
    made = interpolate(tensor, size=size[::-1], mode=name, antialias=False, **keys)
    return made.clamp(0, 255).round().to(torch.uint8)[0].permute(1, 2, 0).numpy()


def plain(picture: Pixels, size: tuple[int, int], name: str) -> Pixels:
    """Pillow's filters at their own width, in its order, one pixel after another."""
    less_height, less_width = picture.shape[0] - size[1], picture.shape[1] - size[0]
    columns_first = less_height > 0 and less_height > 2 * less_width
    for axis, length in ((0, size[1]), (1, size[0]))[:: 1 if columns_first else -1]:
        if picture.shape[axis] != length:
            picture = np.swapaxes(_lines(np.swapaxes(picture, 0, axis), length, name), 0, axis)
    return picture


def _lines(picture: Pixels, length: int, name: str) -> Pixels:
    kernel, support = KERNELS[name]
    lines = []
    for target in range(length):
        center = (target + 0.5) * (picture.shape[0] / length)
        weights = {
            source: kernel(source + 0.5 - center)
            for source in range(picture.shape[0])
            if abs(source + 0.5 - center) <= support
        }
        line = sum(picture[source].astype(float) * weight for source, weight in weights.items())
        lines.append(np.clip(np.floor(line / sum(weights.values()) + 0.5), 0, 255))
    return np.asarray(lines).astype(np.uint8)


def _sinc(x: float) -> float:
    return 1.0 if x == 0 else float(np.sin(np.pi * x) / (np.pi * x))


KERNELS: dict[str, Any] = {
    "box": (lambda x: float(-0.5 < x <= 0.5), 0.5),
    "hamming": (lambda x: _sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 1.0),
    "lanczos": (lambda x: _sinc(x) * _sinc(x / 3), 3.0),
}


@pytest.mark.parametrize("name", pictures())
@pytest.mark.parametrize("filter_name", FILTERS)
def test_with_antialias_it_is_pillow(name: str, filter_name: str) -> None:
    picture = pictures()[name]
    for size in SIZES:
        got = resized(picture, size, filter=filter_name)
        np.testing.assert_array_equal(got, pillow(picture, size, filter_name))


@pytest.mark.parametrize("name", pictures())
@pytest.mark.parametrize("filter_name", ["nearest", "bilinear", "bicubic"])
def test_without_antialias_it_is_pytorch(name: str, filter_name: str) -> None:
    picture = pictures()[name]
    for size in SIZES:
        got = resized(picture, size, filter=filter_name, antialias=False)
        allowed = 0 if filter_name == "nearest" else 1
        assert worst(got, pytorch(picture, size, filter_name)) <= allowed


@pytest.mark.parametrize("name", pictures())
@pytest.mark.parametrize("filter_name", ["box", "hamming", "lanczos"])
def test_without_antialias_pillows_other_filters_stay_narrow(name: str, filter_name: str) -> None:
    picture = pictures()[name]
    for size in SIZES:
        got = resized(picture, size, filter=filter_name, antialias=False)
        assert worst(got, plain(picture, size, filter_name)) <= 1
        if size[0] >= picture.shape[1] and size[1] >= picture.shape[0]:
            assert worst(got, pillow(picture, size, filter_name)) <= 1


def test_nearest_without_antialias_is_pytorchs_at_every_length() -> None:
    for own in range(1, 120):
        line = np.arange(own, dtype=np.uint8).reshape(1, own, 1).repeat(3, axis=2)
        for wanted in range(1, 120):
            got = resized(line, (wanted, 1), filter="nearest", antialias=False)
            np.testing.assert_array_equal(got, pytorch(line, (wanted, 1), "nearest"))


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    st.sampled_from([gradient, checkerboard, noise]),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.sampled_from(["bilinear", "bicubic"]),
)
def test_any_size_is_pytorchs(
    make: Any, own: tuple[int, int], size: tuple[int, int], name: str
) -> None:
    picture = make(*own)
    got = resized(picture, size, filter=name, antialias=False)
    assert worst(got, pytorch(picture, size, name)) <= 1


sides = st.integers(1, 300)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(sides, sides, st.integers(1, 64), st.integers(0, 40))
def test_a_center_crop_is_torchvisions(width: int, height: int, cut: int, more: int) -> None:
    picture = noise(height, width)
    steps = (TorchResize(cut + more, InterpolationMode.BILINEAR), CenterCrop(cut))
    wanted = np.asarray(steps[1](steps[0](Image.fromarray(picture))))
    keys = {"mode": "center-crop", "shorter_side": cut + more if more else None}
    np.testing.assert_array_equal(resized(picture, (cut, cut), **keys), wanted)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(sides, sides, st.integers(1, 64), st.integers(1, 64))
def test_a_center_crop_covers_what_is_no_square(
    width: int, height: int, to_width: int, to_height: int
) -> None:
    to = Resize(width=to_width, height=to_height, mode="center-crop")
    placement = place((width, height), to)
    assert placement.taken == (to_width, to_height)
    scaled, exact = placement.scaled, max(to_width / width, to_height / height)
    assert scaled[0] >= to_width
    assert scaled[1] >= to_height
    assert scaled == (int(width * exact + 1e-9), int(height * exact + 1e-9))
    assert resize(noise(height, width), to).shape == (to_height, to_width, 3)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(sides, sides, st.integers(1, 64), st.integers(1, 64))
def test_a_fit_is_pillows_contain_in_the_middle(
    width: int, height: int, to_width: int, to_height: int
) -> None:
    picture = noise(height, width)
    got = resized(picture, (to_width, to_height), mode="fit", pad=114)
    to = Resize(width=to_width, height=to_height, mode="fit")
    scaled, (left, top) = place((width, height), to).scaled, place((width, height), to).offset
    exact = min(to_width / width, to_height / height)
    for side, own in zip(scaled, (width, height), strict=True):
        assert abs(side - max(own * exact, 1)) <= 0.5 + 1e-9
    # YOLO's letterbox: the odd pixel goes to the right and below.
    assert (left, top) == ((to_width - scaled[0]) // 2, (to_height - scaled[1]) // 2)
    inner = got[top : top + scaled[1], left : left + scaled[0]]
    np.testing.assert_array_equal(inner, pillow(picture, scaled, "bilinear"))
    outer = np.ones(got.shape[:2], bool)
    outer[top : top + scaled[1], left : left + scaled[0]] = False
    assert (got[outer] == 114).all()


def test_a_fit_has_the_sides_of_pillows_contain() -> None:
    for width, height in [(640, 480), (1920, 1080), (333, 500), (7, 1000), (1000, 7)]:
        wanted = ImageOps.contain(Image.new("L", (width, height)), (320, 192)).size
        assert place((width, height), Resize(width=320, height=192, mode="fit")).scaled == wanted


@pytest.mark.parametrize("filter_name", FILTERS)
@pytest.mark.parametrize("antialias", [True, False])
def test_one_channel_is_as_three(filter_name: str, antialias: bool) -> None:
    grey = noise(23, 31)[:, :, :1]
    for mode in ("stretch", "fit", "center-crop"):
        keys = {"filter": filter_name, "antialias": antialias, "mode": mode}
        three = resized(grey.repeat(3, axis=2), (17, 40), **keys)
        np.testing.assert_array_equal(resized(grey, (17, 40), **keys), three[:, :, :1])


@pytest.mark.parametrize("filter_name", FILTERS)
@pytest.mark.parametrize("antialias", [True, False])
def test_an_even_picture_stays_as_it_is(filter_name: str, antialias: bool) -> None:
    picture = np.full((19, 45, 3), 201, np.uint8)
    got = resized(picture, (70, 6), filter=filter_name, antialias=antialias)
    assert (got == 201).all()
