"""PyTorch as the reference: what every nn.Module gives, as values of the tensors of an ONNX graph.

Tensors are matched by the notes of `convert`: a module's output is what its nodes make for others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require
from oxidizedvision.layers.engines import REFERENCE
from oxidizedvision.layers.graph import Graph
from oxidizedvision.layers.sides import Side
from oxidizedvision.onnx_notes import MODULE, ROOT, note_of
from oxidizedvision.runners.torch_outputs import leaves

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

    from oxidizedvision.core.tensors import Array


@dataclass
class _Call:
    """One call of a module: what it was given and what it gave, with the array that that was."""

    path: str
    given: int
    gave: int
    value: Array


@dataclass
class _Watch:
    """Calls in the order in which they ended."""

    calls: list[_Call] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)

    def hook(self, path: str) -> Any:
        import torch

        def ended(_: Any, inputs: Any, output: Any) -> None:
            if not isinstance(output, torch.Tensor):
                return
            given = next((id(value) for value in inputs if isinstance(value, torch.Tensor)), 0)
            self.kept += [*inputs, output]  # so that no other tensor gets their identity
            value = output.detach().cpu().clone().numpy()
            self.calls.append(_Call(path, given, id(output), value))

        return ended


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
    values = dict(zip(names, returned, strict=False))
    return Side(model, REFERENCE, name, {**_matched(graph, calls), **values})


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


def _matched(graph: Graph, calls: Sequence[_Call]) -> dict[str, Array]:
    """The value of each tensor that is a module's output, where that is certain.

    Modules that were called more than once are left out. A module that left no nodes, such as a
    batch norm that was folded into its convolution, gives its output to the tensor before it.
    """
    often = [call.path for call in calls]
    ends = _ends(graph)
    found: dict[str, Array] = {}
    by_given = {call.given: call for call in calls if call.path not in ends}
    for call in calls:
        tensor = ends.get(call.path)
        if tensor is None or often.count(call.path) > 1:
            continue
        last = call
        while last.gave in by_given and by_given[last.gave] is not last:
            last = by_given[last.gave]
        if graph.shapes.get(tensor, last.value.shape) == last.value.shape:
            found[tensor] = last.value
    return found


def _ends(graph: Graph) -> dict[str, str]:
    """By module the only tensor that its nodes make for other modules."""
    inside: dict[str, list[int]] = {}
    for index, node in enumerate(graph.nodes):
        path = note_of(node, MODULE)
        while path and path != ROOT:
            inside.setdefault(path, []).append(index)
            path = path.rpartition(".")[0]
    known = {*graph.tensors}
    leaving = {
        path: [n for n in graph.leaving(nodes) if n in known] for path, nodes in inside.items()
    }
    return {path: names[0] for path, names in leaving.items() if len(names) == 1}
