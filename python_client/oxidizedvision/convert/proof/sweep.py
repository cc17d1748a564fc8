"""The lengths at which an exported model is compared with PyTorch: ends, 1, odd ones, multiples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import Config
from oxidizedvision.config.axes import DynamicAxis
from oxidizedvision.convert.goldens import Cases, random_inputs
from oxidizedvision.convert.network import Arrays, Network
from oxidizedvision.convert.shapes import Signature
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.examples import example_of

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_LARGEST = 1 << 28
"""Values of one input beyond which a length is not tried where the user has not asked for it."""

_SCALES = (0.0, 1.0, -1.0, 10.0)


@dataclass(frozen=True)
class Trial:
    """Inputs with PyTorch's outputs. name: `values-ones`, or `batch=3, height=64`."""

    name: str
    inputs: Arrays
    expected: Arrays


def value_trials(network: Network, config: Config) -> list[Trial]:
    """Inputs that take other branches than random ones: zeros, ones, negative, large.

    What the network refuses, or answers with NaN, is left out.
    """
    trials = []
    for scale in _SCALES:
        inputs = {
            item.name: _filled(item.dtype, array, scale)
            for item, array in zip(network.inputs, random_inputs(config, 0).values(), strict=True)
        }
        try:
            expected = network.run(inputs)
        except OxidizedVisionError:
            continue
        if all(np.isfinite(array).all() for array in expected.values()):
            trials.append(Trial(f"values {scale:g}", inputs, expected))
    return trials


def _filled(dtype: str, array: Array, scale: float) -> Array:
    """Constant, or for the largest scale the random values made large; indices stay as they are."""
    if dtype not in ("f32", "f16", "f64"):
        return array
    return array * array.dtype.type(scale) if scale > 1 else np.full_like(array, scale)


def size_trials(network: Network, signature: Signature) -> list[Trial]:
    """Inputs at every length that the ranges promise to try.

    Raises:
        OxidizedVisionError: `export` when PyTorch itself refuses a length that the user declared.
    """
    trials = []
    for lengths in length_sets(signature):
        shapes = signature.shapes_at(lengths)
        demanded = all(_is_declared(signature.axes[name]) for name in lengths)
        if not demanded and max(map(_size, shapes.values())) > _LARGEST:
            continue
        generator = np.random.default_rng(7)
        inputs = {i.name: example_of(i, shapes[i.name], generator) for i in network.inputs}
        try:
            expected = network.run(inputs)
        except OxidizedVisionError as error:
            if not demanded:
                continue
            raise OxidizedVisionError(
                Kind.EXPORT,
                f"export.dynamic_axes promises {named(lengths)}, which PyTorch itself refuses: "
                f"{error.message}",
                "Correct min, max or multiple_of of that axis.",
            ) from error
        trials.append(Trial(named(lengths), inputs, expected))
    return trials


def named(lengths: Mapping[str, int]) -> str:
    """As text: `batch=3, height=64`."""
    return ", ".join(f"{name}={length}" for name, length in lengths.items())


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.float64))


def _is_declared(axis: DynamicAxis) -> bool:
    return axis.max is not None


def length_sets(signature: Signature) -> Iterator[dict[str, int]]:
    """Each axis alone at each of its lengths, then all together at each of theirs."""
    tried = {
        name: lengths_of(axis, signature.lengths[name], signature.others[name])
        for name, axis in signature.axes.items()
    }
    for name, lengths in tried.items():
        for length in lengths:
            yield {name: length}
    if len(tried) > 1:
        for row in zip_longest(*tried.values()):
            pairs = zip(tried.items(), row, strict=True)
            yield {name: lengths[-1] if n is None else n for (name, lengths), n in pairs}


def lengths_of(axis: DynamicAxis, example: int, others: Sequence[int]) -> list[int]:
    """The lengths to try of one axis: the smallest, 1, odd ones, another step, the largest."""
    step = axis.multiple_of
    wanted = [axis.first, 1, example + step, _odd(example, step), *others]
    if axis.max is not None:
        middle = (axis.first + axis.last) // 2 // step * step
        wanted += [middle, _odd(middle, step), axis.last]
    return [n for n in dict.fromkeys(wanted) if n > 0 and n != example and axis.allows(n)]


def _odd(length: int, step: int) -> int:
    """The next odd number of steps."""
    steps = length // step
    return (steps + 1 + steps % 2) * step


def golden_trials(cases: Cases) -> list[Trial]:
    """The goldens, with what PyTorch gave for them."""
    return [
        Trial(
            name,
            {n.removeprefix("input/"): a for n, a in parts.items() if n.startswith("input/")},
            {n.removeprefix("output/"): a for n, a in parts.items() if n.startswith("output/")},
        )
        for name, parts in cases.items()
    ]


def ends_of(sizes: list[Trial]) -> list[Trial]:
    """The smallest and the largest: engines make a plan for each size, which takes long."""
    ordered = sorted(sizes, key=lambda trial: sum(a.size for a in trial.inputs.values()))
    return ordered if len(ordered) < 2 else [ordered[0], ordered[-1]]
