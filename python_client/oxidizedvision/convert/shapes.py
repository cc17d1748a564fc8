"""Which axes of the outputs change with which axes of the inputs: measured, not guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from oxidizedvision.config import Config
from oxidizedvision.config.axes import DynamicAxis
from oxidizedvision.convert.network import Arrays, Network
from oxidizedvision.convert.ranges import measured_range
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import Dim, TensorSpec, dtype_name
from oxidizedvision.runners.examples import example_of

Shapes = dict[str, tuple[int, ...]]
"""By input."""


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs with their symbols, and lengths at which the network works.

    shapes: the example's. lengths: the example's length of every symbol. others: lengths beside
    it that the network took, the first one first. axes: as declared, with ranges that were measured
    where only a name is.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    shapes: Shapes
    axes: Mapping[str, DynamicAxis] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def shapes_at(self, lengths: Mapping[str, int]) -> Shapes:
        """The inputs' shapes at other lengths; symbols left out keep the example's."""
        return {
            spec.name: tuple(
                lengths.get(dim, size) if isinstance(dim, str) else size
                for dim, size in zip(spec.dims, self.shapes[spec.name], strict=True)
            )
            for spec in self.inputs
        }

    def dynamic_axes(self) -> dict[str, dict[int, str]]:
        """In the form that `torch.onnx.export` takes; tensors without symbols are left out."""
        named = {
            spec.name: {i: dim for i, dim in enumerate(spec.dims) if isinstance(dim, str)}
            for spec in (*self.inputs, *self.outputs)
        }
        return {name: axes for name, axes in named.items() if axes}


def measure_signature(network: Network, config: Config) -> Signature:
    """Run the network at the config's shapes and, for each symbol, at other lengths.

    Raises:
        OxidizedVisionError: `model` when the network refuses the config's shapes, `export` when
            it refuses every other length of an axis that is declared dynamic.
    """
    inputs = tuple(
        TensorSpec(item.name, item.dtype, config.input_dims()[item.name]) for item in network.inputs
    )
    probe = _Probe(network, Signature(inputs, (), config.model.shapes, config.axes))
    base = probe.run({})
    lengths = {s: _length(inputs, config.model.shapes, s) for s in config.axes}
    axes = {
        symbol: measured_range(axis, lengths[symbol], partial(probe.takes, symbol))
        for symbol, axis in config.axes.items()
    }
    probe = _Probe(network, replace(probe.signature, axes=axes))
    other = probe.run({}, seed=1)
    dims: dict[str, list[Dim]] = {
        name: _fixed_axes(name, array.shape, other[name].shape) for name, array in base.items()
    }
    others: dict[str, tuple[int, ...]] = {}
    for symbol, length in lengths.items():
        runs = probe.other_lengths(symbol, length)
        others[symbol] = tuple(runs)
        for name, before in base.items():
            found = {length: before.shape} | {n: run[name].shape for n, run in runs.items()}
            _name_axes(dims[name], name, symbol, found)
    outputs = tuple(
        TensorSpec(name, dtype_name(array), tuple(dims[name])) for name, array in base.items()
    )
    return Signature(inputs, outputs, config.model.shapes, axes, lengths, others)


def _length(inputs: Sequence[TensorSpec], shapes: Shapes, symbol: str) -> int:
    return next(
        shapes[spec.name][spec.dims.index(symbol)] for spec in inputs if symbol in spec.dims
    )


@dataclass(frozen=True)
class _Probe:
    network: Network
    signature: Signature

    def run(self, lengths: Mapping[str, int], *, seed: int = 0) -> Arrays:
        generator = np.random.default_rng(seed)
        shapes = self.signature.shapes_at(lengths)
        return self.network.run(
            {i.name: example_of(i, shapes[i.name], generator) for i in self.network.inputs}
        )

    def takes(self, symbol: str, length: int) -> bool:
        """Whether the network runs at a length of a symbol's axes."""
        try:
            self.run({symbol: length})
        except OxidizedVisionError:
            return False
        return True

    def other_lengths(self, symbol: str, length: int) -> dict[int, Arrays]:
        """Outputs for other lengths of a symbol's axes: one length at least.

        One more tells whether any size will do, the double shows what strides round away.
        """
        tried = _candidates(self.signature.axes[symbol], length)
        runs: dict[int, Arrays] = {}
        refusal: OxidizedVisionError | None = None
        for position, candidate in enumerate(tried):
            if position >= 2 and runs:
                break
            try:
                runs[candidate] = self.run({symbol: candidate})
            except OxidizedVisionError as error:
                refusal = error
        if runs:
            return runs
        shown = ", ".join(map(str, tried)) or "none, by its own range"
        raise OxidizedVisionError(
            Kind.EXPORT,
            f"export.dynamic_axes: axis {symbol!r} cannot change: {self.network.name} refuses "
            f"the lengths {shown} beside {length}{f': {refusal.message}' if refusal else ''}",
            "Take the axis out of export.dynamic_axes, or correct its range.",
        )


def _candidates(axis: DynamicAxis, length: int) -> list[int]:
    step = axis.multiple_of
    wanted = [length + step, 2 * length, length + 32 * step, length - step, length // 2]
    if axis.max is not None:
        wanted += [axis.last, axis.first]
    return [n for n in dict.fromkeys(wanted) if n > 0 and n != length and axis.allows(n)]


def _fixed_axes(output: str, first: Sequence[int], second: Sequence[int]) -> list[Dim]:
    """The lengths that two inputs of one shape have in common.

    A name stands for those that the values decide, such as the number of boxes found.
    """
    if len(first) != len(second):
        raise OxidizedVisionError(
            Kind.MODEL,
            f"{output} has {len(first)} axes for one input and {len(second)} for another",
            "Return tensors whose number of axes does not depend on the input's values.",
        )
    return [
        length if length == again else f"{output}_{axis}"
        for axis, (length, again) in enumerate(zip(first, second, strict=True))
    ]


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
        if len(set(found)) == 1 or isinstance(dims[axis], str):
            continue
        dims[axis] = symbol if found == list(shapes) else f"{output}_{axis}"
