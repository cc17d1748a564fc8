"""The inputs that runners are compared on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.preprocess import preprocess
from oxidizedvision.runners.examples import example_of
from oxidizedvision.runners.pytorch import input_specs
from oxidizedvision.runners.torch_runner import larger_shapes
from oxidizedvision.validate.files import inputs_of_config, picture_cases

if TYPE_CHECKING:
    from oxidizedvision.config import Config, Preprocess
    from oxidizedvision.config.axes import DynamicAxis
    from oxidizedvision.core.tensors import Array


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
    """Random cases, one case at a second size where axes are dynamic, files and pictures.

    Files are those of `validation.inputs`.

    Random inputs are standard normal, or pictures of noise through the config's `preprocess`
    where it has one. The expected outputs are left empty.

    Raises:
        OxidizedVisionError: for a file or a picture that cannot be read or does not fit the model.
    """
    shapes = config.model.shapes
    # Apart from the seeds 0, 1, … that `convert` makes the goldens with.
    generator = np.random.default_rng([options.seed, _STREAM])
    cases = [
        Case(f"random-{index}", _random(config, shapes, generator))
        for index in range(options.num_tests)
    ]
    second = second_shapes(config)
    if second != shapes:
        name = "x".join(str(length) for length in next(iter(second.values())))
        cases.append(Case(f"size-{name}", _random(config, second, generator)))
    files = [*inputs_of_config(config), *picture_cases(config, options.pictures)]
    return [*cases, *(Case(name, inputs) for name, inputs in files)]


def second_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Shapes whose named axes have another length, within their ranges."""
    shapes = config.model.shapes
    larger = larger_shapes(input_specs(config), shapes)
    found = {}
    for spec in input_specs(config):
        lengths = zip(spec.dims, shapes[spec.name], larger[spec.name], strict=True)
        found[spec.name] = tuple(
            _within(config.axes[dim], length, other) if isinstance(dim, str) else length
            for dim, length, other in lengths
        )
    return found


def _within(axis: DynamicAxis, length: int, wanted: int) -> int:
    """The length that is wanted, where the range has it, else the range's other end."""
    if axis.allows(wanted):
        return wanted
    last = axis.last if axis.max is not None else length
    return last if last != length else axis.first


def _random(
    config: Config, shapes: Mapping[str, tuple[int, ...]], generator: np.random.Generator
) -> dict[str, Array]:
    inputs = {}
    for index, item in enumerate(config.model.input_configs):
        shape = shapes[item.name]
        if index == 0 and config.preprocess is not None:
            inputs[item.name] = _noise(config.preprocess, shape, generator)
        else:
            inputs[item.name] = example_of(item, shape, generator)
    return inputs


def _noise(contract: Preprocess, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    # Noise is made at the size wanted: resizing would only blur it.
    values = {**contract.model_dump(mode="json"), "resize": None}
    height, width = _size(contract, shape)
    noise = generator.integers(0, 256, (shape[0], height, width, 3), np.uint8)
    return np.concatenate([preprocess(pixels, values) for pixels in noise])


def _size(contract: Preprocess, shape: Sequence[int]) -> tuple[int, int]:
    if len(shape) != 4:
        raise OxidizedVisionError(
            Kind.CONFIG,
            f"preprocess makes 4 axes from a picture, the input has {len(shape)}",
            "Leave preprocess out, or give [batch, channels, height, width].",
        )
    return (shape[1], shape[2]) if contract.layout == "nhwc" else (shape[2], shape[3])
