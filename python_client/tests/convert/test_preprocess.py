"""Pictures in and out of tensors: the formula, Pillow's resizing, and odd picture files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.preprocess import postprocess, preprocess, read_picture, write_picture

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


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_postprocess_undoes_preprocess(color: str, layout: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    contract = {"color": color, "layout": layout, "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7]}
    tensor = preprocess(picture, contract)
    np.testing.assert_array_equal(postprocess(tensor, {"kind": "image", **contract}), picture)


def test_values_outside_are_clamped_and_others_refused() -> None:
    def kind(tensor: Any, contract: dict[str, Any]) -> Kind:
        with pytest.raises(OxidizedVisionError) as caught:
            postprocess(np.asarray(tensor, np.float32), contract)
        return caught.value.kind

    image = {"kind": "image"}
    high_low = np.array([9.0, -1.0, 0.5], np.float32).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(postprocess(high_low, image), [[[255, 0, 128]]])
    assert kind(np.zeros((1, 4, 2, 2)), image) is Kind.SHAPE_MISMATCH
    assert kind(np.full((1, 3, 1, 1), np.nan), image) is Kind.ENGINE_FAILED
    assert kind(np.zeros((1, 3, 1, 1)), {"kind": "boxes"}) is Kind.UNSUPPORTED


def test_resize_modes() -> None:
    white = np.full((10, 40, 3), 255, np.uint8)
    size = {"width": 20, "height": 20, "filter": "bilinear"}

    def resized(mode: str) -> Any:
        return preprocess(white, {"scale": 1, "resize": {**size, "mode": mode}})[0, 0]

    assert (resized("stretch") == 255).all()
    fit = resized("fit")
    assert fit.shape == (20, 20)
    np.testing.assert_array_equal(np.flatnonzero(fit[:, 0]), range(7, 12))
    assert (resized("center-crop") == 255).all()


@pytest.mark.parametrize("name", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_filters_are_pillows(name: str) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (31, 17, 3), np.uint8)
    contract = {"scale": 1, "layout": "nhwc", "resize": {"width": 9, "height": 40, "filter": name}}
    wanted = Image.fromarray(picture).resize((9, 40), getattr(Image.Resampling, name.upper()))
    np.testing.assert_array_equal(preprocess(picture, contract)[0], np.asarray(wanted))


def test_picture_files_become_upright_rgb(tmp_path: Path) -> None:
    deep = np.array([[0, 32_768, 65_535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png")[0, :, 0], [0, 128, 255])
    clear = np.array([[[10, 20, 30, 0]]], np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "clear.png"), [[[10, 20, 30]]])
    turned = Image.fromarray(np.zeros((4, 6, 3), np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").shape == (6, 4, 3)
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "grey.bmp")
    assert read_picture(tmp_path / "grey.bmp").shape == (2, 2, 3)


def test_what_is_no_picture(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    write_picture(whole, noise)
    np.testing.assert_array_equal(read_picture(whole), noise)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:900])
    (tmp_path / "page.jpg").write_text("<html></html>")
    Image.new("1", (16_385, 1)).save(tmp_path / "wide.png")
    for name in ("cut.png", "page.jpg", "wide.png"):
        with pytest.raises(OxidizedVisionError) as caught:
            read_picture(tmp_path / name)
        assert caught.value.kind is Kind.INPUT, name
    with pytest.raises(OxidizedVisionError, match=r"\.tiff"):
        write_picture(tmp_path / "x.tiff", noise)
