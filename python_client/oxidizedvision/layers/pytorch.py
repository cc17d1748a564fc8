"""PyTorch as the reference: what every nn.Module gives, as values of the tensors of an ONNX graph.

Tensors are matched by the notes of `convert`: a module's output is what its nodes make for others,
call by call where it is called several times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.layers.calls import ends_of, nodes_by_module
from oxidizedvision.layers.engines import REFERENCE
from oxidizedvision.layers.graph import Graph
from oxidizedvision.layers.sides import Side
from oxidizedvision.onnx_notes import MODULE, note_of
from oxidizedvision.runners.torch_outputs import leaves

if TYPE_CHECKING:
    import torch
    from onnx import ModelProto
    from torch import nn

    from oxidizedvision.core.tensors import Array


_State = tuple[int, int]
"""A tensor, by its identity, and how often something wrote into it."""


@dataclass
class _Call:
    """One call of a module: what it was given and what it gave, with the array that that was.

    value: None for what is no tensor. may_fold: whether the call may have left no nodes.
    """

    path: str
    given: _State
    gave: _State
    value: Array | None
    may_fold: bool


@dataclass
class _Watch:
    """Calls in the order in which they ended."""

    calls: list[_Call] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)

    def hook(self, path: str) -> Any:
        import torch

        def ended(part: Any, inputs: Any, output: Any) -> None:
            given = next((value for value in inputs if isinstance(value, torch.Tensor)), None)
            self.kept += [*inputs, output]  # so that no other tensor gets their identity
            is_tensor = isinstance(output, torch.Tensor)
            value = output.detach().cpu().clone().numpy() if is_tensor else None
            folds = is_tensor and given is not None and _may_fold(part, given, output)
            self.calls.append(_Call(path, _state(given), _state(output), value, folds))

        return ended


def _state(value: Any) -> _State:
    try:
        return id(value), value._version
    except (AttributeError, RuntimeError):  # no tensor, or one of inference mode
        return id(value), 0


def _may_fold(part: nn.Module, given: torch.Tensor, output: torch.Tensor) -> bool:
    """Whether a call needs no node of its own: it changes nothing, or what comes before does it."""
    from torch.nn.modules.batchnorm import _BatchNorm

    if isinstance(part, _BatchNorm) or output is given:
        return True
    return given.shape == output.shape and bool((given == output).all())


def pytorch_side(
    network: nn.Module,
    model: ModelProto,
    inputs: Mapping[str, Array],
    outputs: Sequence[str] = (),
    name: str = "PyTorch",
) -> Side:
    """The network's own values as the reference of the tensors of its ONNX graph.

    Args:
        network: In eval mode; it runs in this process, on copies of the inputs.
        model: The FP32 graph that `convert` made of it. It tells how its nodes round.
        inputs: In the order in which the network takes them.
        outputs: Names of what the network returns, in order; empty takes the graph's.
        name: What reports call the reference.

    Raises:
        OxidizedVisionError: `model` where the network fails; `unsupported` where the graph has no
            notes of modules.
    """
    graph = Graph(model, {key: array.shape for key, array in inputs.items()})
    if not any(note_of(node, MODULE) for node in graph.nodes):
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            "The ONNX file does not tell which nn.Module its nodes come from",
            "Convert the network with `oxidizedvision convert`, which writes that down.",
        )
    calls, returned = _watched(network, inputs)
    names = list(outputs) or list(graph.outputs)
    side = _matched(graph, calls)
    values = {**side.values, **dict(zip(names, returned, strict=False))}
    return Side(model, REFERENCE, name, values, side.calls, side.notes)


def _watched(network: nn.Module, inputs: Mapping[str, Array]) -> tuple[list[_Call], list[Array]]:
    torch = require("torch", "comparing layers with PyTorch")
    watch = _Watch()
    parts = [(path, part) for path, part in network.named_modules() if path]
    handles = [part.register_forward_hook(watch.hook(path)) for path, part in parts]
    try:
        with torch.no_grad():
            tensors = [torch.from_numpy(np.array(array, order="C")) for array in inputs.values()]
            result = network(*tensors)
    except Exception as error:
        raise OxidizedVisionError(
            Kind.MODEL,
            f"The network failed: {type(error).__name__}: {error}",
            "Check the network's forward and model.input_shape.",
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    found = [value.detach().cpu().numpy() for _, value in leaves(result)]
    return watch.calls, found


@dataclass(frozen=True)
class _Matched:
    """Values by tensor; the calls that some of them are of, as `Side` has them; and its notes."""

    values: dict[str, Array]
    calls: dict[str, str]
    notes: tuple[str, ...]


def _matched(graph: Graph, calls: Sequence[_Call]) -> _Matched:
    """The value of each tensor that a call of a module gave, where that is certain.

    A module that left no nodes, such as a batch norm that was folded into its convolution, gives
    its output to the tensor before it.
    """
    counts = Counter(call.path for call in calls)
    ends = ends_of(graph, counts)
    there = {*nodes_by_module(graph)}
    folded = {call.given: call for call in calls if call.path not in there and call.may_fold}
    values: dict[str, Array] = {}
    labels: dict[str, str] = {}
    numbers: Counter[str] = Counter()
    for call in calls:
        number = numbers[call.path]
        numbers[call.path] += 1
        if call.path not in ends.tensors:
            continue
        tensor = ends.tensors[call.path][number]
        value = _last(call, folded).value
        if value is not None and graph.shapes.get(tensor, value.shape) == value.shape:
            values[tensor] = value
            if counts[call.path] > 1:
                labels.setdefault(tensor, f"{call.path}#{number + 1}")
    notes = tuple(
        f"{path} is called {counts[path]} times and not compared with PyTorch's: {reason}"
        for path, reason in ends.untold.items()
    )
    return _Matched(values, labels, notes)


def _last(call: _Call, folded: Mapping[_State, _Call]) -> _Call:
    """The call after which the value stands that a call's nodes make in the graph."""
    for _ in folded:
        after = folded.get(call.gave)
        if after is None or after is call:
            break
        call = after
    return call
