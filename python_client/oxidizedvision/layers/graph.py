"""An ONNX graph made ready to be cut: which tensors it has, and models made of its parts."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.lazy import require
from oxidizedvision.core.tensors import DTYPE_OF_NUMPY
from oxidizedvision.layers.shapes import described, fix_shapes
from oxidizedvision.onnx_graph import (
    constants_to_initializers,
    drop_copies,
    rename,
    uses,
)

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from oxidizedvision.core.tensors import Array

GIVEN = "oxv.given:"
"""Before the name of a tensor that a cut-up model is given and also computes."""

QUANTISING = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})
_OF_SHAPES = ("Shape", "Size")
_FEW = 64


class Graph:
    """A model with fixed input shapes, no functions, and constants as initialisers.

    Args:
        model: Checked; it is copied.
        shapes: Of the inputs; the lengths of those that are not named stay as they are.
    """

    def __init__(
        self, model: ModelProto, shapes: Mapping[str, Sequence[int]] | None = None
    ) -> None:
        onnx = require("onnx", "comparing layers")
        if model.functions:
            inliner = require("onnx.inliner", "comparing layers")
            model = inliner.inline_local_functions(model)
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        constants_to_initializers(self.model.graph)
        drop_copies(self.model.graph)
        fix_shapes(self.model.graph, shapes or {})
        self._values = described(self.model)

    @property
    def nodes(self) -> Sequence[NodeProto]:
        """In an order in which they can run."""
        nodes: Sequence[NodeProto] = self.model.graph.node
        return nodes

    @cached_property
    def constants(self) -> dict[str, Any]:
        """Initialisers by name."""
        return {tensor.name: tensor for tensor in self.model.graph.initializer}

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """What a run must be given."""
        values = self.model.graph.input
        return tuple(value.name for value in values if value.name not in self.constants)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """What a run gives."""
        return tuple(value.name for value in self.model.graph.output)

    @cached_property
    def producers(self) -> dict[str, int]:
        """By tensor the index of the node that makes it."""
        return {name: i for i, node in enumerate(self.nodes) for name in node.output if name}

    @cached_property
    def consumers(self) -> dict[str, list[int]]:
        """By tensor the indices of the nodes that read it."""
        found: dict[str, list[int]] = {}
        for index, node in enumerate(self.nodes):
            for name in dict.fromkeys(uses(node)):
                found.setdefault(name, []).append(index)
        return found

    @cached_property
    def dtypes(self) -> dict[str, str]:
        """NumPy's name of the element type of each tensor that crosses to engines."""
        from onnx import helper

        found = {}
        for value in self._values.values():
            number = value.type.tensor_type.elem_type
            if value.type.HasField("tensor_type") and number:
                name = helper.tensor_dtype_to_np_dtype(number).name
                if name in DTYPE_OF_NUMPY:
                    found[value.name] = name
        return found

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """What nodes make of the inputs and engines can give, in the order in which it is made."""
        found = (name for name in self.producers if name in self.dtypes)
        return tuple(name for name in found if name not in self.static)

    @cached_property
    def static(self) -> set[str]:
        """Tensors that follow from shapes, indices and small constants: the mask of a window.

        Engines want to know these when they load. What follows from weights is none of them.
        """
        found: set[str] = set()
        for node in self.nodes:
            read = [*uses(node)]
            follows = all(name in found or self._is_small(name) for name in read)
            follows = follows and node.op_type not in QUANTISING
            if (read and follows) or node.op_type in _OF_SHAPES:
                found.update(filter(None, node.output))
        return found

    def _is_small(self, name: str) -> bool:
        """Whether a tensor is a constant and no weights."""
        tensor = self.constants.get(name)
        if tensor is None:
            return False
        indices = (tensor.INT64, tensor.INT32, tensor.BOOL)
        return tensor.data_type in indices or math.prod(tensor.dims) <= _FEW

    @cached_property
    def static_edges(self) -> tuple[str, ...]:
        """The static tensors that other nodes read."""
        read = {
            name
            for node in self.nodes
            if not self.static.issuperset(filter(None, node.output))
            for name in uses(node)
        }
        return tuple(name for name in self.producers if name in self.static & read)

    def folded(self, values: Mapping[str, Array]) -> Graph:
        """The graph with these tensors as constants, without the nodes that only they needed."""
        from onnx import numpy_helper

        kept = self.needed(self.outputs, values)
        model = self._built(kept, [value.name for value in self.model.graph.input], self.outputs)
        have = {tensor.name for tensor in model.graph.initializer}
        for name, array in values.items():
            if name not in have:
                model.graph.initializer.append(numpy_helper.from_array(array, name))
        return Graph(model)

    def adopt_shapes(self, other: Graph) -> None:
        """Take over what another graph of the same tensors knows of their types and shapes."""
        self._values.update(other._values)
        for known in ("shapes", "sizes"):
            self.__dict__.pop(known, None)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the tensors whose lengths are all known."""
        found = {}
        for name, value in self._values.items():
            dims = value.type.tensor_type.shape.dim
            known = value.type.tensor_type.HasField("shape")
            if known and all(dim.HasField("dim_value") for dim in dims):
                found[name] = tuple(dim.dim_value for dim in dims)
        return found

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Bytes of the tensors whose shapes are known."""
        return {
            name: math.prod(shape) * np.dtype(self.dtypes[name]).itemsize
            for name, shape in self.shapes.items()
            if name in self.dtypes
        }

    def needed(self, wanted: Iterable[str], given: Collection[str] = ()) -> list[int]:
        """The nodes that make tensors from those that are given, in the order of the graph."""
        found: set[int] = set()
        open_ends = list(wanted)
        while open_ends:
            index = self.producers.get(open_ends.pop())
            if index is not None and index not in found:
                found.add(index)
                open_ends += [name for name in uses(self.nodes[index]) if name not in given]
        return sorted(found)

    def reads(self, index: int) -> list[str]:
        """What a node reads, initialisers included."""
        return list(dict.fromkeys(uses(self.nodes[index])))

    def with_outputs(self, wanted: Sequence[str]) -> ModelProto:
        """The model up to the tensors that are wanted, which become its outputs."""
        return self._built(self.needed(wanted), self.inputs, wanted)

    def cut(self, wanted: Sequence[str], given: Collection[str]) -> ModelProto:
        """The parts that make the wanted tensors from the given ones, side by side.

        Its inputs are the given tensors that are used, under names that begin with `GIVEN`.
        """
        nodes = self.needed(wanted, given)
        used = {name for index in nodes for name in uses(self.nodes[index])}
        ends = [name for name in (*self.inputs, *self.tensors) if name in used & {*given}]
        ends += [name for name in self.inputs if name in used and name not in given]
        model = self._built(nodes, ends, wanted)
        renamed = {name: GIVEN + name for name in ends}
        for node in model.graph.node:
            rename(node, renamed)
        for value in model.graph.input:
            value.name = renamed[value.name]
        return model

    def part(self, nodes: Iterable[int]) -> ModelProto:
        """Some nodes as a model: what they read comes in, and what others read of them goes out."""
        inside = sorted(nodes)
        made = {name for index in inside for name in self.nodes[index].output if name}
        read = dict.fromkeys(name for index in inside for name in uses(self.nodes[index]))
        ends = [name for name in read if name not in made and name not in self.constants]
        return self._built(inside, ends, self.leaving(inside))

    def leaving(self, nodes: Sequence[int]) -> list[str]:
        """The tensors that these nodes make for others, or for the model's user."""
        inside = set(nodes)
        found = []
        for index in nodes:
            for name in filter(None, self.nodes[index].output):
                readers = set(self.consumers.get(name, ()))
                if name in self.dtypes and (name in self.outputs or readers - inside):
                    found.append(name)
        return found

    def _built(
        self, nodes: Sequence[int], inputs: Sequence[str], outputs: Sequence[str]
    ) -> ModelProto:
        import onnx

        model: ModelProto = onnx.ModelProto()
        model.ir_version = self.model.ir_version
        model.opset_import.extend(self.model.opset_import)
        graph = model.graph
        graph.name = self.model.graph.name or "graph"
        graph.node.extend(self.nodes[index] for index in nodes)
        used = {name for node in graph.node for name in uses(node)}
        graph.initializer.extend(t for name, t in self.constants.items() if name in used)
        graph.input.extend(self._value(name) for name in inputs)
        graph.output.extend(self._value(name) for name in outputs)
        return model

    def _value(self, name: str) -> Any:
        import onnx

        known = self._values.get(name)
        if known is None:
            known = onnx.ValueInfoProto(name=name)
        return known
