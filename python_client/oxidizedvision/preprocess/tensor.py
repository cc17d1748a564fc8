"""From a picture to the input tensor.

`value = (pixel * scale - mean) / std`, with pixels of 0 to 255 in the order of `color`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pydantic import ValidationError

from oxidizedvision.config import Preprocess
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.preprocess.resize import resize

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


def preprocess(picture: Array, contract: Preprocess | Mapping[str, Any]) -> Array:
    """A picture `uint8[height, width, 3]` as a float32 tensor with a batch axis of 1.

    `contract` is `preprocess` of the config, or its JSON form; keys left out have the defaults.

    Raises:
        OxidizedVisionError: `config` when the JSON form is no such contract.
    """
    wanted = preprocess_contract(contract)
    if wanted.color == "gray":
        pixels = np.atleast_3d(np.asarray(Image.fromarray(picture).convert("L")))
    else:
        pixels = picture
    if wanted.resize is not None:
        pixels = resize(pixels, wanted.resize)
    if wanted.color == "bgr":
        pixels = pixels[:, :, ::-1]
    mean, std = np.asarray(wanted.mean), np.asarray(wanted.std)
    values = ((pixels.astype(np.float64) * wanted.scale - mean) / std).astype(np.float32)
    if wanted.layout == "nchw":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[np.newaxis])


def preprocess_contract(values: Preprocess | Mapping[str, Any]) -> Preprocess:
    """A contract from its JSON form.

    Raises:
        OxidizedVisionError: `config` with the first key that is wrong.
    """
    if isinstance(values, Preprocess):
        return values
    try:
        return Preprocess.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("preprocess", *first["loc"])))
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"{where}: {first['msg']}",
            "`oxidizedvision config schema` describes every key.",
        ) from error
