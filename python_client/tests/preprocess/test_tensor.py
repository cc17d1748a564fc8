"""The formula of `preprocess`, against plain NumPy and torchvision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_set import noise, pictures
from PIL import Image
from torchvision.transforms import v2

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.preprocess import preprocess

TWO_PIXELS = np.array([[[0, 51, 102], [153, 204, 255]]], np.uint8)


def test_formula_order_and_layout() -> None:
    planes = preprocess(TWO_PIXELS, {})
    np.testing.assert_allclose(planes, [[[[0, 0.6]], [[0.2, 0.8]], [[0.4, 1]]]], atol=1e-7)
    assert planes.dtype == np.float32
    contract = {"color": "bgr", "layout": "nhwc", "scale": 1, "mean": [2, 1, 0], "std": [1, 2, 4]}
    np.testing.assert_array_equal(
        preprocess(TWO_PIXELS, contract), [[[[100, 25, 0], [253, 101.5, 38.25]]]]
    )
    grey = preprocess(TWO_PIXELS, {"color": "gray", "scale": 1})
    np.testing.assert_array_equal(grey, [[[[42, 195]]]])


@pytest.mark.parametrize("name", pictures())
def test_it_is_torchvisions_to_tensor_and_normalize(name: str) -> None:
    picture, mean, std = pictures()[name], [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    steps = v2.Compose(
        [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    )
    wanted = steps(Image.fromarray(picture)).numpy()[np.newaxis]
    got = preprocess(picture, {"mean": mean, "std": std})
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-6)


constants = st.lists(st.floats(0.05, 4.0), min_size=3, max_size=3)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from(["rgb", "bgr", "gray"]),
    st.sampled_from(["nchw", "nhwc"]),
    st.floats(0.001, 2.0),
    constants,
    constants,
)
def test_every_value_is_the_formulas(
    sides: tuple[int, int],
    color: str,
    layout: str,
    scale: float,
    mean: list[float],
    std: list[float],
) -> None:
    picture = noise(*sides)
    grey = color == "gray"
    contract = {
        "color": color,
        "layout": layout,
        "scale": scale,
        "mean": mean[:1] if grey else mean,
        "std": std[:1] if grey else std,
    }
    tensor = preprocess(picture, contract)
    for y, x in np.ndindex(sides):
        red, green, blue = map(int, picture[y, x])
        # Pillow's rounding of the ITU-R 601 weights.
        luma = (red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16
        channels = {"rgb": [red, green, blue], "bgr": [blue, green, red], "gray": [luma]}[color]
        for channel, pixel in enumerate(channels):
            place = (0, channel, y, x) if layout == "nchw" else (0, y, x, channel)
            wanted = np.float32((pixel * scale - mean[channel]) / std[channel])
            assert tensor[place] == wanted


@pytest.mark.parametrize(
    "contract",
    [
        {"colour": "rgb"},
        {"mean": [0.0, 0.0]},
        {"std": [0.0]},
        {"resize": {"width": 4}},
        {"resize": {"width": 4, "height": 4, "filter": "cubic"}},
        {"resize": {"width": 4, "height": 4, "pad": 256, "mode": "fit"}},
        {"resize": {"width": 4, "height": 4, "pad": 1}},
        {"resize": {"width": 4, "height": 4, "shorter_side": 8}},
        {"resize": {"width": 4, "height": 9, "shorter_side": 8, "mode": "center-crop"}},
    ],
)
def test_what_is_no_contract_is_refused(contract: dict[str, Any]) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        preprocess(TWO_PIXELS, contract)
    assert caught.value.kind is Kind.CONFIG
    assert next(iter(contract)) in caught.value.message
