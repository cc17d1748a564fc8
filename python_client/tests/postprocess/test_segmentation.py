"""Masks at the picture's own size, against PyTorch's argmax and nearest pixels."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused
from torch.nn.functional import interpolate

from oxidizedvision.config import Resize
from oxidizedvision.core.errors import Kind
from oxidizedvision.postprocess import Mask, postprocess
from oxidizedvision.preprocess import Placement, place

SQUARE = place((8, 8), None)


def segmented(values: Any, placement: Placement = SQUARE, **contract: Any) -> Mask:
    array = np.asarray(values, np.float32)
    made = postprocess({"output": array}, {"kind": "segmentation", **contract}, placement)
    assert isinstance(made, Mask)
    return made


def scores(classes: int, height: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((1, classes, height, width))


lengths = st.integers(1, 40)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.integers(2, 6), lengths, lengths, lengths, lengths)
def test_stretched_it_is_pytorchs_nearest_pixel(
    classes: int, height: int, width: int, own_height: int, own_width: int
) -> None:
    values = scores(classes, height, width)
    to = Resize(width=32, height=24)
    got = segmented(values, place((own_width, own_height), to))
    ids = torch.from_numpy(values.astype(np.float32)).argmax(1)[:, None].float()
    wanted = interpolate(ids, size=(own_height, own_width), mode="nearest-exact")[0, 0].numpy()
    differs = got.ids != wanted
    # Where a pixel's centre falls on a border between two, rounding decides.
    on_border = np.logical_or.outer(_halves(own_height, height), _halves(own_width, width))
    assert not (differs & ~on_border).any()


def _halves(own: int, length: int) -> Any:
    return np.array([(2 * index + 1) * length % (2 * own) == 0 for index in range(own)])


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    st.sampled_from(["stretch", "fit", "center-crop"]),
    lengths,
    lengths,
    lengths,
    lengths,
    st.integers(1, 3),
)
def test_every_pixel_is_the_one_of_the_network_under_its_centre(
    mode: str, own_width: int, own_height: int, width: int, height: int, stride: int
) -> None:
    to = Resize(width=width * stride, height=height * stride, mode=mode)
    placement = place((own_width, own_height), to)
    values = scores(3, height, width)
    got = segmented(values, placement).ids
    ids = values.astype(np.float32)[0].argmax(axis=0)
    for y, x in np.ndindex(own_height, own_width):
        across = _under(x, own_width, placement, 0)
        down = _under(y, own_height, placement, 1)
        if across is None or down is None:
            assert got[y, x] == 255
        elif across % stride and down % stride:  # not on a border, where rounding decides
            assert got[y, x] == ids[int(down / stride), int(across / stride)]


def _under(index: int, own: int, placement: Placement, axis: int) -> Fraction | None:
    place_in = Fraction(2 * index + 1, 2) * placement.scaled[axis] / own + placement.offset[axis]
    return place_in if 0 <= place_in < placement.taken[axis] else None


def test_what_is_cut_off_is_unseen() -> None:
    placement = place((16, 8), Resize(width=8, height=8, mode="center-crop"))
    mask = segmented(np.zeros((1, 2, 8, 8)), placement)
    assert mask.unseen == 255
    np.testing.assert_array_equal((mask.ids == 255).sum(axis=1), [8] * 8)
    assert (mask.ids[:, 4:12] == 0).all()


def test_one_channel_is_a_threshold() -> None:
    values = np.array([[-1.0, 0.0], [0.1, 9.0]]).reshape(1, 1, 2, 2)
    placement = place((2, 2), None)
    np.testing.assert_array_equal(segmented(values, placement).ids, [[0, 0], [1, 1]])
    got = segmented(values, placement, activation="none", threshold=0.05).ids
    np.testing.assert_array_equal(got, [[0, 0], [1, 1]])
    got = segmented(values, placement, activation="none", threshold=5).ids
    np.testing.assert_array_equal(got, [[0, 0], [0, 1]])


@pytest.mark.parametrize(("classes", "dtype"), [(255, np.uint8), (256, np.uint16)])
def test_many_classes_take_16_bits(classes: int, dtype: Any) -> None:
    values = np.zeros((1, classes, 1, 1))
    values[0, -1] = 1
    mask = segmented(values, place((1, 1), None))
    assert mask.ids.dtype == dtype
    assert mask.ids[0, 0] == classes - 1


def test_of_equal_scores_the_lower_class_counts_and_layouts_agree() -> None:
    assert (segmented(np.zeros((1, 3, 8, 8))).ids == 0).all()
    values = scores(4, 8, 8)
    last = segmented(values.transpose(0, 2, 3, 1), layout="nhwc")
    np.testing.assert_array_equal(segmented(values).ids, last.ids)


def test_the_document_counts_pixels() -> None:
    values = np.zeros((1, 2, 8, 8))
    values[0, 1, :2] = 1
    document = segmented(values, labels=["ground", "thing"]).document()
    assert document == {
        "schema_version": 1,
        "kind": "segmentation",
        "width": 8,
        "height": 8,
        "classes": [
            {"class_id": 0, "label": "ground", "pixels": 48},
            {"class_id": 1, "label": "thing", "pixels": 16},
        ],
    }


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (3, 4, 4), (1, 3), (1, 3, 0, 4)])
def test_other_axes_are_refused(shape: tuple[int, ...]) -> None:
    refused(Kind.SHAPE_MISMATCH, lambda: segmented(np.zeros(shape)))


def test_what_does_not_fit_the_classes_is_refused() -> None:
    values = np.zeros((1, 2, 8, 8))
    refused(Kind.SHAPE_MISMATCH, lambda: segmented(values, labels=["one"]))
    refused(Kind.SHAPE_MISMATCH, lambda: segmented(values, colors=[[0, 0, 0]]))
    values[0, 0, 0, 0] = np.nan
    refused(Kind.ENGINE_FAILED, lambda: segmented(values))
