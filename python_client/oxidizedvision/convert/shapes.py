"""Which axes of the outputs change with which axes of the input: measured, not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.config import Config
from oxidizedvision.config.models import INPUT_NAME
from oxidizedvision.convert.network import Network
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import Dim, TensorSpec, dtype_name

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs with their symbols, and a second shape on which the network works.

    other_shape is `shape` where no axis has a symbol.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    shape: tuple[int, ...]
    other_shape: tuple[int, ...]

    def dynamic_axes(self) -> dict[str, dict[int, str]]:
        """In the form that `torch.onnx.export` takes; tensors without symbols are left out."""
        named = {
            spec.name: {i: dim for i, dim in enumerate(spec.dims) if isinstance(dim, str)}
            for spec in (*self.inputs, *self.outputs)
        }
        return {name: axes for name, axes in named.items() if axes}


def output_names(count: int) -> list[str]:
    """`output`, or `output_0`, `output_1`, … where a network has several."""
    return ["output"] if count == 1 else [f"output_{index}" for index in range(count)]


def measure_signature(network: Network, config: Config) -> Signature:
    """Run the network at the config's size and, for each symbol, at another one.

    Raises:
        OxidizedVisionError: `model` when the network refuses the config's shape, `export` when
            it refuses every other length of an axis that is declared dynamic.
    """
    shape = tuple(config.model.input_shape)
    axes = config.export.dynamic_axes.get(INPUT_NAME, {})
    base = network.run(np.zeros(shape, np.float32))
    symbols: dict[str, list[int]] = {}
    for axis, symbol in sorted(axes.items()):
        symbols.setdefault(symbol, []).append(axis)
    dims: list[list[Dim]] = [list(array.shape) for array in base]
    names = output_names(len(base))
    other = list(shape)
    for symbol, positions in symbols.items():
        changed, found = _another_length(network, shape, symbol, positions)
        for position in positions:
            other[position] = changed[position]
        own = (shape[positions[0]], changed[positions[0]])
        for index, (array, before) in enumerate(zip(found, base, strict=True)):
            _name_axes(dims[index], names[index], (before.shape, array.shape), (symbol, *own))
    outputs = [
        TensorSpec(name, dtype_name(array), tuple(dim))
        for name, array, dim in zip(names, base, dims, strict=True)
    ]
    inputs = (TensorSpec(INPUT_NAME, "f32", tuple(axes.get(i, n) for i, n in enumerate(shape))),)
    return Signature(inputs, tuple(outputs), shape, tuple(other))


def _another_length(
    network: Network, shape: Sequence[int], symbol: str, positions: Sequence[int]
) -> tuple[tuple[int, ...], list[Array]]:
    length = shape[positions[0]]
    # One more than the double tells apart a network that takes any size from one that needs
    # multiples; an axis of length 1 is a batch.
    tried = list(dict.fromkeys([length + 1, length + 32, 2 * length]))
    for candidate in tried[:1] if length == 1 else tried:
        changed = tuple(candidate if axis in positions else size for axis, size in enumerate(shape))
        try:
            return changed, network.run(np.zeros(changed, np.float32))
        except OxidizedVisionError:
            continue
    raise OxidizedVisionError(
        Kind.EXPORT,
        f"export.dynamic_axes: axis {symbol!r} cannot change: {network.name} refuses the lengths "
        f"{', '.join(map(str, tried))} beside {length}",
        "Take the axis out of export.dynamic_axes.",
    )


def _name_axes(
    dims: list[Dim],
    output: str,
    shapes: tuple[Sequence[int], Sequence[int]],
    symbol: tuple[str, int, int],
) -> None:
    name, length, changed = symbol
    before, after = shapes
    if len(before) != len(after):
        raise OxidizedVisionError(
            Kind.EXPORT,
            f"{output} has {len(before)} axes or {len(after)}, depending on {name!r}",
            f"Take {name!r} out of export.dynamic_axes.",
        )
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        same = (old, new) == (length, changed) and isinstance(dims[axis], int)
        dims[axis] = name if same else f"{output}_{axis}"
