"""A tensor becomes the picture that `preprocess` would make it of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from oxidizedvision.core.errors import Kind
from oxidizedvision.postprocess import Picture, placement_of_input, postprocess
from oxidizedvision.preprocess import preprocess


def picture_from(tensor: Any, **contract: Any) -> Any:
    array = np.asarray(tensor, np.float32)
    made = postprocess(
        {"output": array}, {"kind": "image", **contract}, placement_of_input(array.shape)
    )
    assert isinstance(made, Picture)
    return made.pixels


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.sampled_from(["rgb", "bgr", "gray"]),
    st.sampled_from(["nchw", "nhwc"]),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.floats(0.0, 1.0),
    st.floats(0.1, 2.0),
)
def test_it_undoes_preprocess(
    color: str, layout: str, sides: tuple[int, int], mean: float, std: float
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*sides, 3), np.uint8)
    if color == "gray":
        picture = picture[:, :, :1].repeat(3, axis=2)
    contract = {"color": color, "layout": layout, "mean": [mean], "std": [std]}
    np.testing.assert_array_equal(picture_from(preprocess(picture, contract), **contract), picture)


def test_values_outside_are_clamped_and_halves_go_to_the_even_number() -> None:
    high_low = np.array([9.0, -1.0, 0.5]).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(picture_from(high_low), [[[255, 0, 128]]])
    halves = np.array([0.5, 1.5, 2.5]).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(picture_from(halves, scale=1), [[[0, 2, 2]]])


@pytest.mark.parametrize("shape", [(1, 4, 2, 2), (2, 3, 4, 4), (3, 4, 4), (1, 3, 0, 4), (1, 10)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    refused(Kind.SHAPE_MISMATCH, lambda: picture_from(np.zeros(shape)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    refused(Kind.ENGINE_FAILED, lambda: picture_from(np.full((1, 3, 1, 1), value)))


def test_other_kinds_are_told_apart() -> None:
    placement = placement_of_input((1, 3, 2, 2))
    array = np.zeros((1, 3, 2, 2), np.float32)
    for kind in ("boxes", ""):
        refused(Kind.CONFIG, lambda kind=kind: postprocess({"a": array}, {"kind": kind}, placement))
    refused(Kind.UNSUPPORTED, lambda: postprocess({"a": array}, {"kind": "raw"}, placement))
    both = {"a": array, "b": array}
    error = refused(Kind.NOT_SINGLE, lambda: postprocess(both, {"kind": "image"}, placement))
    assert "a, b" in error.message
