"""Writes resize-modes.png: what each mode of preprocess.resize makes of one photograph.

Run it in this folder: `python make_resize_modes.py`. The photograph is scikit-image's astronaut.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from skimage import data

from oxidizedvision.config import Resize
from oxidizedvision.preprocess import resize

SIDE, GAP, TEXT = 160, 16, 26
MODES = {
    "stretch": {"mode": "stretch"},
    "fit, pad: 114": {"mode": "fit", "pad": 114},
    "center-crop": {"mode": "center-crop"},
    "center-crop, shorter_side: 240": {"mode": "center-crop", "shorter_side": 240},
}


def panels() -> list[tuple[str, NDArray[np.uint8]]]:
    """The photograph, and what becomes of it, with captions."""
    photo = data.astronaut()[10:250, 90:450]
    original = np.asarray(Image.fromarray(photo).resize((SIDE * 3 // 2, SIDE)))
    made = [
        (caption, resize(photo, Resize(width=SIDE, height=SIDE, **keys)))
        for caption, keys in MODES.items()
    ]
    return [("the picture", original), *made]


def main() -> None:
    """Put the panels side by side."""
    row = panels()
    width = sum(picture.shape[1] for _, picture in row) + GAP * (len(row) + 1)
    sheet = Image.new("RGB", (width, SIDE + 2 * GAP + TEXT), "white")
    draw, left = ImageDraw.Draw(sheet), GAP
    for caption, picture in row:
        sheet.paste(Image.fromarray(picture), (left, GAP))
        draw.text((left, GAP + SIDE + 8), caption, fill="black", font_size=11)
        left += picture.shape[1] + GAP
    sheet.quantize(128).save("resize-modes.png", optimize=True)


if __name__ == "__main__":
    main()
