"""A mask's pixels are read as the classes they stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.validate.data.masks import IGNORED, read_mask


def _save(path: Path, values: list[int], mode: str = "L") -> Path:
    array = np.array([values], np.uint8)
    if mode == "1":
        Image.fromarray(array).convert("1", dither=Image.Dither.NONE).save(path)
    elif mode == "P":
        picture = Image.new("P", (len(values), 1))
        picture.putpalette([255, 255, 255] * 256)
        picture.putdata(values)
        picture.save(path)
    else:
        Image.fromarray(array).convert(mode).save(path)
    return path


@pytest.mark.parametrize(
    ("mode", "classes", "values", "wanted"),
    [
        ("L", 3, [0, 1, 2, 255], [0, 1, 2, IGNORED]),
        ("P", 3, [0, 1, 2, 255], [0, 1, 2, IGNORED]),
        ("L", 2, [0, 1, 255], [0, 1, IGNORED]),
        ("L", 2, [0, 255, 0], [0, 1, 0]),
        ("L", 2, [0, 0, 0], [0, 0, 0]),
        ("P", 2, [0, 255, 0], [0, IGNORED, 0]),
        ("1", 2, [0, 255, 0], [0, 1, 0]),
        ("L", 1, [0, 127, 128, 255], [0, 0, 1, 1]),
        ("P", 1, [0, 1, 255], [0, 1, 1]),
        ("1", 1, [0, 255], [0, 1]),
    ],
)
def test_values_are_classes_or_foreground(
    tmp_path: Path, mode: str, classes: int, values: list[int], wanted: list[int]
) -> None:
    found = read_mask(_save(tmp_path / "m.png", values, mode), classes)
    np.testing.assert_array_equal(found, [wanted])


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    coloured = _save(tmp_path / "c.png", [1, 2], "RGB")
    photograph = tmp_path / "p.png"
    Image.new("L", (2, 2)).save(photograph, "JPEG")
    cut = _save(tmp_path / "t.png", list(range(200)) * 9)
    cut.write_bytes(cut.read_bytes()[:60])
    for path, kind, says in [
        (coloured, Kind.INPUT, "RGB"),
        (photograph, Kind.INPUT, "no PNG"),
        (_save(tmp_path / "m.png", [0, 4]), Kind.INPUT, "a class 4, the model tells 3 apart"),
        (cut, None, "t.png"),
        (tmp_path / "none.png", Kind.NOT_FOUND, "no file"),
    ]:
        with pytest.raises(OxidizedVisionError, match=says) as caught:
            read_mask(path, 3)
        assert kind is None or caught.value.kind is kind
