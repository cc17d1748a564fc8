"""The inputs that runners are compared on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.pytorch import INPUT, input_specs
from oxidizedvision.runners.torch_runner import larger_shapes

if TYPE_CHECKING:
    from oxidizedvision.config import Config, Preprocess
    from oxidizedvision.core.tensors import Array


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
    generator = np.random.default_rng(options.seed)
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
    from PIL import Image

    height, width = _size(config.preprocess, shape)
    noise = generator.integers(0, 256, (shape[0], height, width, 3), np.uint8)
    pictures = [_through(config.preprocess, Image.fromarray(pixels)) for pixels in noise]
    return np.concatenate(pictures)


def _size(preprocess: Preprocess, shape: Sequence[int]) -> tuple[int, int]:
    if len(shape) != 4:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"preprocess makes 4 axes from a picture, model.input_shape has {len(shape)}",
            "Leave preprocess out, or give [batch, channels, height, width].",
        )
    return (shape[1], shape[2]) if preprocess.layout == "nhwc" else (shape[2], shape[3])


def _picture_cases(config: Config, pictures: Sequence[Path]) -> Iterator[Case]:
    if not pictures:
        return
    from oxidizedvision.preprocess import open_picture

    if config.preprocess is None:
        raise OxidizedVisionError(
            Kind.CONFIG,
            "The config has no preprocess, so a picture cannot become an input",
            "Add a preprocess block, or validate without pictures.",
        )
    (spec,) = input_specs(config)
    for path in pictures:
        array = _through(config.preprocess, open_picture(path))
        if isinstance(spec.dims[0], int):
            array = np.repeat(array, spec.dims[0], axis=0)
        fits = array.ndim == len(spec.dims) and all(
            isinstance(dim, str) or dim == length
            for dim, length in zip(spec.dims, array.shape, strict=True)
        )
        if not fits:
            raise OxidizedVisionError(
                Kind.INPUT,
                f"{path} becomes an input of {list(array.shape)}, the model takes "
                f"{spec.dims_text()}",
                "Add preprocess.resize, or name the axes in export.dynamic_axes.",
            )
        yield Case(f"picture/{path.name}", {INPUT: array})


def _through(preprocess: Preprocess, picture: object) -> Array:
    from oxidizedvision.preprocess import preprocess as apply

    return apply(picture, preprocess)
