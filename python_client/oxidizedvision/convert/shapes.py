"""Which axes of the outputs change with which axes of the input: measured, not guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        runs = _other_lengths(network, shape, symbol, positions)
        for position in positions:
            other[position] = next(iter(runs))
        for index, before in enumerate(base):
            lengths = {shape[positions[0]]: before.shape}
            lengths |= {length: found[index].shape for length, found in runs.items()}
            _name_axes(dims[index], names[index], symbol, lengths)
    outputs = [
        TensorSpec(name, dtype_name(array), tuple(dim))
        for name, array, dim in zip(names, base, dims, strict=True)
    ]
    inputs = (TensorSpec(INPUT_NAME, "f32", tuple(axes.get(i, n) for i, n in enumerate(shape))),)
    return Signature(inputs, tuple(outputs), shape, tuple(other))


def _other_lengths(
    network: Network, shape: Sequence[int], symbol: str, positions: Sequence[int]
) -> dict[int, list[Array]]:
    """Outputs for other lengths of a symbol's axes: one length at least.

    One more tells whether any size will do, the double shows what strides round away.
    """
    length = shape[positions[0]]
    tried = list(dict.fromkeys([length + 1, 2 * length, length + 32]))
    runs: dict[int, list[Array]] = {}
    for candidate in tried[:2]:
        _run_at(network, shape, positions, candidate, runs)
    if not runs:
        _run_at(network, shape, positions, tried[-1], runs)
    if runs:
        return runs
    raise OxidizedVisionError(
        Kind.EXPORT,
        f"export.dynamic_axes: axis {symbol!r} cannot change: {network.name} refuses the lengths "
        f"{', '.join(map(str, tried))} beside {length}",
        "Take the axis out of export.dynamic_axes.",
    )


def _run_at(
    network: Network,
    shape: Sequence[int],
    positions: Sequence[int],
    length: int,
    runs: dict[int, list[Array]],
) -> None:
    changed = tuple(length if axis in positions else size for axis, size in enumerate(shape))
    try:
        runs[length] = network.run(np.zeros(changed, np.float32))
    except OxidizedVisionError:
        return


def _name_axes(
    dims: list[Dim], output: str, symbol: str, shapes: Mapping[int, Sequence[int]]
) -> None:
    if len({len(found) for found in shapes.values()}) > 1:
        raise OxidizedVisionError(
            Kind.EXPORT,
            f"{output} has another number of axes for another length of {symbol!r}",
            f"Take {symbol!r} out of export.dynamic_axes.",
        )
    for axis in range(len(dims)):
        found = [lengths[axis] for lengths in shapes.values()]
        if len(set(found)) == 1:
            continue
        same = found == list(shapes) and isinstance(dims[axis], int)
        dims[axis] = symbol if same else f"{output}_{axis}"
