"""A picture through an ONNX model with Pillow and ONNX Runtime, as users write it by hand.

Every peer serves this; nothing of ours is in it. What is to be done with a picture stands in the
model's metadata, where our server reads it too.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float32]
Body = bytes | bytearray
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class VisionModel:
    """A model that gives classes or a picture, with what its file says of pictures.

    Args:
        path: The .onnx file, with the picture contract in its metadata.
        threads: Of one run.
    """

    def __init__(self, path: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        notes = self._session.get_modelmeta().custom_metadata_map
        self._before: dict[str, Any] = json.loads(notes["oxv.preprocess"])
        self._after: dict[str, Any] = json.loads(notes["oxv.postprocess"])
        self.media_type = "image/png" if self._after["kind"] == "image" else "application/json"

    def predict(self, body: Body) -> bytes:
        """An encoded picture to an encoded answer."""
        return self.answer(self.outputs(self.tensor(body)))

    def tensor(self, body: Body) -> Array:
        """An encoded picture as `[1, 3, height, width]`."""
        with Image.open(io.BytesIO(body)) as picture:
            pixels = np.asarray(self._resized(picture.convert("RGB")), np.float32)
        factor, offset = self._scale
        return np.ascontiguousarray((pixels * factor + offset).transpose(2, 0, 1)[np.newaxis])

    def outputs(self, batch: Array) -> Array:
        """The network's only output, of one or more inputs."""
        found: Array = self._session.run(None, {self._input: batch})[0]
        return found

    def answer(self, output: Array) -> bytes:
        """What the output `[1, …]` of one picture means: JSON, or a PNG file."""
        if self._after["kind"] == "image":
            return self._picture(output[0])
        scores = np.exp(output[0] - output[0].max())
        scores /= scores.sum()
        best = np.argsort(-scores, kind="stable")[: self._after["top_k"]]
        classes = [{"class_id": int(place), "score": float(scores[place])} for place in best]
        return json.dumps({"classes": classes}).encode()

    @property
    def _scale(self) -> tuple[Array, Array]:
        mean = np.asarray(self._before["mean"], np.float32)
        std = np.asarray(self._before["std"], np.float32)
        return np.float32(self._before["scale"]) / std, -mean / std

    def _resized(self, picture: Image.Image) -> Image.Image:
        to = self._before["resize"]
        if to is None:
            return picture
        size = (to["width"], to["height"])
        if to["mode"] == "stretch":
            return picture.resize(size, _FILTERS[to["filter"]])
        return _cropped(picture, size, to["shorter_side"], _FILTERS[to["filter"]])

    def _picture(self, output: Array) -> bytes:
        mean = np.asarray(self._after["mean"], np.float32)
        std = np.asarray(self._after["std"], np.float32)
        pixels = (output.transpose(1, 2, 0) * std + mean) / np.float32(self._after["scale"])
        file = io.BytesIO()
        Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(file, "PNG")
        return file.getvalue()


def _cropped(
    picture: Image.Image, size: tuple[int, int], shorter_side: int, resampling: Image.Resampling
) -> Image.Image:
    """The middle, after the shorter side was brought to a length: torchvision's preset."""
    shorter = min(picture.size)
    scaled = [side * shorter_side // shorter for side in picture.size]
    left, top = (round((side - to) / 2) for side, to in zip(scaled, size, strict=True))
    resized = picture.resize((scaled[0], scaled[1]), resampling)
    return resized.crop((left, top, left + size[0], top + size[1]))


def stacked(tensors: Sequence[Array]) -> Array:
    """Inputs of one picture each, as one batch."""
    return np.concatenate(tensors)
