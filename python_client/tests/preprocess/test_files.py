"""Picture files become upright red, green, blue; what is none is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from picture_set import GOLDENS, Pixels, noise
from PIL import Image, JpegImagePlugin

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.preprocess import read_picture, write_picture

UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}
"""What the EXIF standard says that each orientation means."""


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("ending", [".png", ".webp", ".jpg"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, ending: str) -> None:
    # Large fields keep their brightness through JPEG.
    stored = np.kron(noise(2, 3), np.ones((16, 16, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"x{ending}"
    options = {"subsampling": 0, "quality": 100} if ending == ".jpg" else {"lossless": True}
    Image.fromarray(stored).save(path, exif=exif, **options)
    got, wanted = read_picture(path).astype(int), UPRIGHT[orientation](stored)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= (3 if ending == ".jpg" else 0)


def test_grey_is_repeated_and_alpha_dropped(tmp_path: Path) -> None:
    grey = noise(5, 7)[:, :, 0]
    wanted = np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    color = noise(5, 7)
    files = {
        "grey.png": (Image.fromarray(grey), wanted),
        "grey-alpha.png": (Image.fromarray(np.dstack([grey, 255 - grey])), wanted),
        "alpha.png": (Image.fromarray(np.dstack([color, grey])), color),
        "alpha.webp": (Image.fromarray(np.dstack([color, grey])), color),
        "one-bit.png": (Image.fromarray(grey > 127), np.where(wanted > 127, 255, 0)),
        "grey.bmp": (Image.fromarray(grey), wanted),
    }
    for name, (image, expected) in files.items():
        image.save(tmp_path / name, lossless=True, exact=True)
        np.testing.assert_array_equal(read_picture(tmp_path / name), expected, name)


def test_16_bits_of_grey_are_rounded(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32_768, 65_535]], np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png")[0, :, 0], [0, 128, 255])


@pytest.mark.parametrize("path", sorted((GOLDENS / "decode").glob("*.*")), ids=lambda p: p.name)
def test_the_files_that_rust_reads_are_read_alike(path: Path) -> None:
    expected = Image.open(GOLDENS / "decode/expected" / f"{path.name}.png")
    difference = np.abs(read_picture(path).astype(int) - np.asarray(expected)).max()
    assert difference == 0


@pytest.mark.parametrize("ending", [".jpg", ".jpeg"])
def test_jpeg_has_colour_at_full_size_as_rust_writes_it(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    write_picture(path, noise(16, 16))
    with Image.open(path) as picture:
        assert JpegImagePlugin.get_sampling(picture) == 0


def test_what_is_no_picture(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    pixels = noise(40, 40)
    write_picture(whole, pixels)
    np.testing.assert_array_equal(read_picture(whole), pixels)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:900])
    (tmp_path / "page.jpg").write_text("<html></html>")
    Image.new("1", (16_385, 1)).save(tmp_path / "wide.png")
    for name in ("cut.png", "page.jpg", "wide.png"):
        with pytest.raises(OxidizedVisionError) as caught:
            read_picture(tmp_path / name)
        assert caught.value.kind is Kind.INPUT, name
    with pytest.raises(OxidizedVisionError, match=r"\.tiff"):
        write_picture(tmp_path / "x.tiff", pixels)
