"""Golden inputs and PyTorch's outputs for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import Config, Preprocess
from oxidizedvision.config.axes import InputConfig
from oxidizedvision.convert.network import Arrays, Network
from oxidizedvision.convert.shapes import Shapes
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.manifest import SCHEMA_VERSION
from oxidizedvision.preprocess import preprocess
from oxidizedvision.runners.examples import example_of

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

Cases = dict[str, dict[str, "Array"]]
"""By case, then by `input/<name>` or `output/<name>`."""

_LENGTH = 8
"""Bytes of the length of a safetensors header, and what headers are padded to."""


def random_inputs(config: Config, seed: int, shapes: Shapes | None = None) -> Arrays:
    """Seeded inputs: noise as a picture for the first one where the config preprocesses.

    Raises:
        OxidizedVisionError: `config` when preprocessing does not give that input's shape.
    """
    shapes = shapes or config.model.shapes
    generator = np.random.default_rng(seed)
    inputs = {}
    for index, item in enumerate(config.model.input_configs):
        shape = shapes[item.name]
        if index == 0 and config.preprocess is not None:
            pixels = generator.integers(0, 256, _pixel_shape(config.preprocess, shape), np.uint8)
            inputs[item.name] = picture_input(config.preprocess, pixels, item, shape)
        else:
            inputs[item.name] = example_of(item, shape, generator)
    return inputs


def _pixel_shape(contract: Preprocess, shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) != 4:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"preprocess makes inputs of 4 axes, the network's has {len(shape)}",
            "Take preprocess out of the config, or correct the input's shape.",
        )
    height, width = shape[2:] if contract.layout == "nchw" else shape[1:3]
    return shape[0], height, width, 3


def picture_input(
    contract: Preprocess, pixels: Array, item: InputConfig, shape: tuple[int, ...]
) -> Array:
    """Pictures `uint8[batch, height, width, 3]` as the input that they are for.

    Raises:
        OxidizedVisionError: `config` when preprocessing gives another shape or element type.
    """
    values = contract.model_dump(mode="json")
    array = np.concatenate([preprocess(picture, values) for picture in pixels])
    if array.shape != shape or item.dtype != "f32":
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"preprocess gives f32 {list(array.shape)}, {item.name!r} is {item.dtype} "
            f"{list(shape)}",
            "Correct the input's shape, or color, layout or resize of preprocess.",
        )
    return array


def make_goldens(network: Network, config: Config) -> Cases:
    """`validation.num_tests` + 1 cases `random-N`, checked to be finite and repeatable."""
    cases: Cases = {}
    for seed in range(config.validation.num_tests + 1):
        inputs = random_inputs(config, seed)
        outputs = network.checked(inputs)
        case = {f"input/{name}": array for name, array in inputs.items()}
        case |= {f"output/{name}": array for name, array in outputs.items()}
        cases[f"random-{seed}"] = case
    return cases


def save_goldens(cases: Cases, config: Config, path: Path) -> None:
    """Write the cases as one safetensors file."""
    from safetensors.numpy import save

    tensors = {
        # Not ascontiguousarray, which gives a scalar an axis.
        f"{case}/{name}": np.asarray(array, order="C")
        for case, parts in cases.items()
        for name, array in parts.items()
    }
    mae, similarity = config.validation.fp32_limits
    metadata = {
        "schema_version": str(SCHEMA_VERSION),
        "model": config.export.model_name,
        "tolerance": json.dumps({"mae": mae, "cosine_similarity": similarity}),
    }
    with file_errors(path):
        path.write_bytes(_in_one_order(save(tensors, metadata=metadata)))


def _in_one_order(content: bytes) -> bytes:
    """A safetensors file with its header sorted: the library writes the metadata in any order."""
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header = json.loads(content[_LENGTH:start])
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _LENGTH)
    return len(text).to_bytes(_LENGTH, "little") + text + content[start:]
