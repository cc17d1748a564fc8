"""Golden inputs and PyTorch's outputs for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import Config
from oxidizedvision.config.models import INPUT_NAME
from oxidizedvision.convert.network import Network
from oxidizedvision.convert.shapes import Signature
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.manifest import SCHEMA_VERSION
from oxidizedvision.preprocess import preprocess

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

Cases = dict[str, dict[str, "Array"]]
"""By case, then by `input/<name>` or `output/<name>`."""


def random_input(config: Config, seed: int, shape: tuple[int, ...] | None = None) -> Array:
    """A seeded input: noise as a picture where the config preprocesses, else standard normal.

    Raises:
        OxidizedVisionError: `config` when preprocessing does not give model.input_shape.
    """
    wanted = shape or tuple(config.model.input_shape)
    generator = np.random.default_rng(seed)
    if config.preprocess is None:
        return generator.standard_normal(wanted, dtype=np.float32)
    if len(wanted) != 4:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"preprocess makes inputs of 4 axes, model.input_shape has {len(wanted)}",
            "Take preprocess out of the config, or correct model.input_shape.",
        )
    contract = config.preprocess.model_dump(mode="json")
    height, width = wanted[2:] if contract["layout"] == "nchw" else wanted[1:3]
    pixels = generator.integers(0, 256, (wanted[0], height, width, 3), np.uint8)
    array = np.concatenate([preprocess(picture, contract) for picture in pixels])
    if array.shape != wanted:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"preprocess gives {list(array.shape)}, model.input_shape is {list(wanted)}",
            "Correct preprocess.color, preprocess.layout or preprocess.resize.",
        )
    return array


def make_goldens(network: Network, signature: Signature, config: Config) -> Cases:
    """`validation.num_tests` + 1 cases `random-N`, checked to be finite and repeatable."""
    cases: Cases = {}
    for seed in range(config.validation.num_tests + 1):
        array = random_input(config, seed)
        outputs = network.checked(array)
        case = {f"input/{INPUT_NAME}": array}
        for spec, output in zip(signature.outputs, outputs, strict=True):
            case[f"output/{spec.name}"] = output
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
    tolerance = {
        "mae": config.validation.tolerance_mae,
        "cosine_similarity": config.validation.tolerance_cos_sim,
    }
    metadata = {
        "schema_version": str(SCHEMA_VERSION),
        "model": config.export.model_name,
        "tolerance": json.dumps(tolerance),
    }
    with file_errors(path):
        path.write_bytes(save(tensors, metadata=metadata))
