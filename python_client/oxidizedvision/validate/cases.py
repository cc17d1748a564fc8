"""The inputs that runners are compared on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.preprocess import preprocess, read_picture
from oxidizedvision.runners.pytorch import INPUT, input_specs
from oxidizedvision.runners.torch_runner import larger_shapes

if TYPE_CHECKING:
    from oxidizedvision.config import Config, Preprocess
    from oxidizedvision.core.tensors import Array, TensorSpec


_STREAM = 1


@dataclass(frozen=True)
class Case:
    """Named inputs, and the outputs expected for them."""

    name: str
    inputs: dict[str, Array]
    expected: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseOptions:
    """How many seeded random cases, and which pictures."""

    num_tests: int
    seed: int
    pictures: tuple[Path, ...]


def make_cases(config: Config, options: CaseOptions) -> list[Case]:
    """Random cases, one case at a second size where axes are dynamic, and the pictures.

    Random inputs are standard normal, or pictures of noise through the config's `preprocess`
    where it has one. The expected outputs are left empty.

    Raises:
        OxidizedVisionError: for a picture that cannot be read or that does not fit the model.
    """
    shape = tuple(config.model.input_shape)
    # Apart from the seeds 0, 1, … that `convert` makes the goldens with.
    generator = np.random.default_rng([options.seed, _STREAM])
    cases = [
        Case(f"random-{index}", {INPUT: _random(config, shape, generator)})
        for index in range(options.num_tests)
    ]
    second = larger_shapes(input_specs(config), {INPUT: shape})[INPUT]
    if second != shape:
        name = "x".join(str(length) for length in second)
        cases.append(Case(f"size-{name}", {INPUT: _random(config, second, generator)}))
    return [*cases, *_picture_cases(config, options.pictures)]


def _random(config: Config, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    if config.preprocess is None:
        return generator.standard_normal(shape).astype(np.float32)
    # Noise is made at the size wanted: resizing would only blur it.
    contract = {**config.preprocess.model_dump(mode="json"), "resize": None}
    height, width = _size(config.preprocess, shape)
    noise = generator.integers(0, 256, (shape[0], height, width, 3), np.uint8)
    return np.concatenate([preprocess(pixels, contract) for pixels in noise])


def _size(contract: Preprocess, shape: Sequence[int]) -> tuple[int, int]:
    if len(shape) != 4:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"preprocess makes 4 axes from a picture, model.input_shape has {len(shape)}",
            "Leave preprocess out, or give [batch, channels, height, width].",
        )
    return (shape[1], shape[2]) if contract.layout == "nhwc" else (shape[2], shape[3])


def _picture_cases(config: Config, pictures: Sequence[Path]) -> Iterator[Case]:
    if not pictures:
        return
    if config.preprocess is None:
        raise OxidizedVisionError(
            Kind.CONFIG,
            "The config has no preprocess, so a picture cannot become an input",
            "Add a preprocess block, or validate without pictures.",
        )
    contract = config.preprocess.model_dump(mode="json")
    (spec,) = input_specs(config)
    for path in pictures:
        array = preprocess(read_picture(path), contract)
        if isinstance(spec.dims[0], int):
            array = np.repeat(array, spec.dims[0], axis=0)
        if not _fits(spec, array):
            raise OxidizedVisionError(
                Kind.INPUT,
                f"{path} becomes an input of {list(array.shape)}, the model takes "
                f"{spec.dims_text()}",
                "Add preprocess.resize, or name the axes in export.dynamic_axes.",
            )
        yield Case(f"picture/{path.name}", {INPUT: array})


def _fits(spec: TensorSpec, array: Array) -> bool:
    return array.ndim == len(spec.dims) and all(
        isinstance(dim, str) or dim == length
        for dim, length in zip(spec.dims, array.shape, strict=True)
    )
