"""An ONNX file, profiled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.results import Notify
from oxidizedvision.profile.graph.constants import (
    bytes_by_dtype,
    constant_nodes,
    constants_of,
    holdings,
)
from oxidizedvision.profile.graph.load import input_values, load_graph
from oxidizedvision.profile.graph.memory import Memory, memory_of
from oxidizedvision.profile.graph.nested import deep_macs, uncounted_operators
from oxidizedvision.profile.graph.time import NodeTimes, time_nodes
from oxidizedvision.profile.graph.values import (
    UNKNOWN,
    UnknownLengthError,
    Values,
    fill,
    spec_of,
    values_of,
)
from oxidizedvision.profile.report import LayerRow, ProfileReport, TimeReport

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

    from oxidizedvision.core.tensors import TensorSpec


def profile_graph(
    path: Path, shapes: Mapping[str, Sequence[int]], *, time: bool, notify: Notify
) -> ProfileReport:
    """Count from the shapes in the file; with `time`, run it too.

    Raises:
        OxidizedVisionError: what `load_graph` raises. A file that cannot be run has a note.
    """
    notify("reading the graph")
    model = load_graph(path, shapes)
    graph = model.graph
    values = values_of(graph)
    inputs = tuple(map(spec_of, input_values(graph)))
    times, notes = None, ["time was not measured"]
    if time:
        notify("timing every layer in ONNX Runtime")
        times, notes = _times(path, model, inputs, wants_shapes=_has_unknown(graph, values))
    if times:
        fill(values, times.shapes)
    rows = _rows(graph, values)
    memory = _memory(graph, values)
    timed: TimeReport | None = None
    if times:
        rows, timed, notes = times.placed(rows)
    constants = constants_of(graph)
    known = [row.macs for row in rows if row.macs is not None]
    return ProfileReport(
        model=path.name,
        kind="onnx",
        inputs=inputs,
        input_shape=inputs[0].dims if inputs else (),
        parameters=sum(c.elements for c in constants if c.is_weight),
        buffers=sum(c.elements for c in constants if not c.is_weight),
        macs=sum(known) if len(known) == len(rows) else None,
        not_counted=_with_counts(uncounted_operators(graph)),
        bytes=sum(c.bytes for c in constants),
        bytes_by_dtype=bytes_by_dtype(constants),
        activation_bytes=memory.made if memory else None,
        peak_bytes=memory.peak if memory else None,
        peak_layer=_peak_layer(memory, rows),
        time=timed,
        notes=(*notes, *_unknown_lengths(rows, inputs)),
        layers=tuple(rows),
    )


def _times(
    path: Path, model: ModelProto, inputs: Sequence[TensorSpec], *, wants_shapes: bool
) -> tuple[NodeTimes | None, list[str]]:
    open_lengths = [spec for spec in inputs if any(isinstance(dim, str) for dim in spec.dims)]
    if open_lengths:
        spec = open_lengths[0]
        return None, [f"time was not measured: {spec.name} is {spec.dims_text()}; give its shape"]
    try:
        return time_nodes(path, model, inputs, wants_shapes=wants_shapes), []
    except OxidizedVisionError as error:
        reason = f"{error.message.rstrip('.')}. {error.hint}".rstrip(". ")
        return None, [f"time was not measured: {reason}"]


def _has_unknown(graph: GraphProto, values: Values) -> bool:
    return any(_output_bytes(node, values) is None for node in graph.node)


def _rows(graph: GraphProto, values: Values) -> list[LayerRow]:
    held, constant = holdings(graph), constant_nodes(graph)
    trips = _Trips(graph)
    return [
        LayerRow(
            path=node.name or f"{node.op_type}_{index}",
            type=node.op_type,
            parameters=held[index].parameters,
            macs=deep_macs(node, values, trips.count),
            bytes=held[index].bytes,
            output_shape=_first_dims(node, values),
            activation_bytes=0 if index in constant else _output_bytes(node, values),
        )
        for index, node in enumerate(graph.node)
    ]


class _Trips:
    """Constant numbers of runs of loops."""

    def __init__(self, graph: GraphProto) -> None:
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}

    def count(self, name: str) -> int | None:
        """The value of a constant whole number; None for everything else."""
        import onnx

        tensor = self._tensors.get(name)
        if tensor is None or tensor.data_location == tensor.EXTERNAL:
            return None
        array = onnx.numpy_helper.to_array(tensor)
        return int(array.reshape(-1)[0]) if array.size == 1 else None


def _first_dims(node: NodeProto, values: Values) -> tuple[int | str, ...]:
    return values.get(node.output[0], UNKNOWN).dims or () if node.output else ()


def _output_bytes(node: NodeProto, values: Values) -> int | None:
    try:
        return sum(values.get(name, UNKNOWN).bytes for name in node.output if name)
    except UnknownLengthError:
        return None


def _memory(graph: GraphProto, values: Values) -> Memory | None:
    try:
        return memory_of(graph, values)
    except UnknownLengthError:
        return None


def _peak_layer(memory: Memory | None, rows: Sequence[LayerRow]) -> str | None:
    if memory is None or memory.peak_node is None:
        return None
    return rows[memory.peak_node].path


def _with_counts(operators: Iterable[str]) -> tuple[str, ...]:
    counts = Counter(operators)
    return tuple(f"{n} ({count} times)" if count > 1 else n for n, count in counts.items())


def _unknown_lengths(rows: Sequence[LayerRow], inputs: Sequence[TensorSpec]) -> list[str]:
    """Why totals are missing, and what to do."""
    unknown = [row for row in rows if row.macs is None or row.activation_bytes is None]
    if not unknown:
        return []
    open_inputs = [spec for spec in inputs if any(isinstance(dim, str) for dim in spec.dims)]
    advice = ", ".join(
        f"--shape {spec.name}={','.join(map(str, spec.dims))} with lengths for the names"
        for spec in open_inputs
    )
    text = f"{len(unknown)} of {len(rows)} layers have sizes that are not known"
    return [f"{text}; give {advice}" if advice else f"{text}, {unknown[0].path} first"]
