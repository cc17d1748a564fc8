"""What `profile` reports, and its layers in the order that a reader wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from oxidizedvision.core.tensors import Dim, TensorSpec

Timed = Literal["measured", "fused", "removed", "not_run", "not_timed"]
"""What is known of a layer's time.

measured: `time_ms` is its own. fused: the engine made it one with another layer, which
`fused_into` names and whose time holds it. removed: the engine left it out, because its result
was constant or nobody needs it. not_run: nothing called it; a parent may still use its weights.
not_timed: time was not measured, or cannot be told apart.
"""

Measure = Literal["time", "macs", "parameters", "memory"]
MEASURES: tuple[Measure, ...] = get_args(Measure)


@dataclass(frozen=True)
class LayerRow:
    """One layer: a module of PyTorch, or a node of ONNX.

    A module that holds others is a layer where it has parameters or multiply-adds beside theirs;
    every number is what its children do not have.

    parameters: A tensor that several layers share counts in the first of them.
    macs: Multiply-adds of one run; None where lengths that are not known decide.
    bytes: Its parameters and buffers.
    output_shape: Of its first output in the last call; empty where not known.
    activation_bytes: Its outputs, of all calls; None where not known, 0 where no input
        changes them.
    calls: How often one run comes by it.
    time_ms: Of all calls in one run; None unless `timed` is `measured`.
    fused_into: The layer whose time holds this one's.
    """

    path: str
    type: str
    parameters: int
    macs: int | None
    bytes: int
    output_shape: tuple[Dim, ...]
    activation_bytes: int | None
    calls: int = 1
    time_ms: float | None = None
    timed: Timed = "not_timed"
    fused_into: str | None = None


@dataclass(frozen=True)
class EngineStep:
    """Work that the engine added and that belongs to no layer of the file."""

    name: str
    type: str
    time_ms: float


@dataclass(frozen=True)
class TimeReport:
    """Where the time of a run goes.

    Every number is the median of the faster half of its own times in `runs` runs; the slower half
    is where other programs took the processor.

    total_ms: A whole run, without what other programs took of it.
    layers_ms: The sum of the layers.
    other_ms: What of the whole run is in no layer; 0 where watching makes the layers slower than
        the whole.
    watched_ms: A whole run while layers are watched; the gap to `total_ms` is what that costs.
    added: Steps of the engine that no layer stands for; they are in none of the layers.
    """

    engine: str
    engine_version: str
    threads: int
    warmup_runs: int
    runs: int
    total_ms: float
    layers_ms: float
    other_ms: float
    watched_ms: float
    added: tuple[EngineStep, ...] = ()

    def share(self, time_ms: float) -> float:
        """The part of the layers and the rest that a time is, from 0 to 1."""
        whole = self.layers_ms + self.other_ms
        return time_ms / whole if whole > 0 else 0.0


@dataclass(frozen=True)
class ProfileReport:
    """The whole and its layers.

    kind: `pytorch` or `onnx`.
    input_shape: Of the first input.
    parameters: Elements of the weights; what several layers share counts once.
    buffers: Elements of other tensors that the model keeps: running statistics, index tables,
        and the single numbers of an .onnx file.
    macs: Multiply-adds (half the floating-point operations) of one run at the inputs' shapes;
        None where lengths that are not known decide.
    not_counted: Operators that multiply and that `macs` leaves out.
    bytes: Parameters and buffers.
    bytes_by_dtype: The same by element type.
    activation_bytes: Every tensor that one run makes, each memory counted once, views not at all;
        None where lengths are not known.
    peak_bytes: The most that inputs and made tensors hold at one time, when layers run one after
        the other and a tensor is freed after its last use. Memory within an operator is not seen.
    peak_layer: The layer that runs then.
    time: None where it was not measured; `notes` say why.
    notes: What a reader should know about the numbers.
    """

    model: str
    kind: Literal["pytorch", "onnx"]
    inputs: tuple[TensorSpec, ...]
    input_shape: tuple[Dim, ...]
    parameters: int
    buffers: int
    macs: int | None
    not_counted: tuple[str, ...]
    bytes: int
    bytes_by_dtype: dict[str, int]
    activation_bytes: int | None
    peak_bytes: int | None
    peak_layer: str | None
    time: TimeReport | None
    notes: tuple[str, ...]
    layers: tuple[LayerRow, ...]


def value_of(row: LayerRow, measure: Measure) -> float | None:
    """One number of a layer; None where it is not known."""
    values = {
        "time": row.time_ms,
        "macs": row.macs,
        "parameters": row.parameters,
        "memory": row.activation_bytes,
    }
    return values[measure]


def sorted_layers(layers: Sequence[LayerRow], measure: Measure) -> list[LayerRow]:
    """The largest first, those that are not known last; equal ones keep their order."""

    def place(row: LayerRow) -> tuple[bool, float]:
        value = value_of(row, measure)
        return value is None, -(value or 0)

    return sorted(layers, key=place)
