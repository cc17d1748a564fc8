"""A PyTorch network, profiled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from oxidizedvision.config import Config
from oxidizedvision.core.results import Notify
from oxidizedvision.profile.network.macs import MacCounter, without_fast_path
from oxidizedvision.profile.network.memory import LiveBytes
from oxidizedvision.profile.network.subject import Subject
from oxidizedvision.profile.network.tensors import Held, bytes_by_dtype, bytes_of, held_by_module
from oxidizedvision.profile.network.time import time_modules
from oxidizedvision.profile.network.watch import Watch
from oxidizedvision.profile.report import LayerRow, ProfileReport, TimeReport
from oxidizedvision.runners.torch_outputs import leaves


@dataclass
class _Counts:
    """What one run shows of every module."""

    macs: Mapping[str, int]
    calls: Mapping[str, int]
    total_macs: int
    not_counted: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    bytes: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


def profile_network(
    config: Config, shapes: Mapping[str, Sequence[int]], *, time: bool, notify: Notify
) -> ProfileReport:
    """Count one run, follow the memory of another, and time some more.

    Raises:
        OxidizedVisionError: what keeps the network from loading or running.
    """
    subject = Subject.of(config, shapes)
    notify("counting")
    counts = _counted(subject)
    notify("following the memory")
    memory = _followed(subject)
    # After the runs: some layers make their parameters in the first one.
    held = held_by_module(subject.module)
    rows = _rows(subject, held, counts)
    timed: TimeReport | None = None
    notes: tuple[str, ...] = ("time was not measured",)
    if time:
        notify("timing every layer")
        times = time_modules(subject)
        timed = times.report(rows, "pytorch", str(torch.__version__))
        notes = tuple(times.notes(timed))
        parts = times.parts()
        rows = {name: _timed(row, parts.get(name)) for name, row in rows.items()}
    return ProfileReport(
        model=subject.name,
        kind="pytorch",
        inputs=subject.inputs,
        input_shape=subject.inputs[0].dims if subject.inputs else (),
        parameters=sum(module.elements for module in held.values()),
        buffers=sum(tensor.numel() for module in held.values() for tensor in module.buffers),
        macs=counts.total_macs,
        not_counted=counts.not_counted,
        bytes=sum(module.bytes for module in held.values()),
        bytes_by_dtype=bytes_by_dtype(held),
        activation_bytes=memory.made,
        peak_bytes=memory.peak,
        peak_layer=memory.peak_at or subject.name,
        time=timed,
        notes=notes,
        layers=tuple(rows.values()),
    )


def _counted(subject: Subject) -> _Counts:
    counter = MacCounter()
    shapes: dict[str, tuple[int, ...]] = {}
    sizes: defaultdict[str, int] = defaultdict(int)

    def remember(name: str, output: Any) -> None:
        tensors = [value for _, value in leaves(output) if isinstance(value, torch.Tensor)]
        if tensors:
            shapes[name] = tuple(tensors[0].shape)
        sizes[name] += sum(map(bytes_of, tensors))

    with Watch(subject.module, counter.total, remember) as watch, counter.counting():
        subject.run()
    return _Counts(watch.own, watch.calls, counter.total(), counter.not_counted(), shapes, sizes)


def _followed(subject: Subject) -> LiveBytes:
    """Follow a run without the fast path of attention, whose memory is inside one operator."""
    with without_fast_path(), Watch(subject.module, lambda: 0) as watch:
        memory = LiveBytes(subject.examples, lambda: watch.current)
        with memory:
            subject.run()
    return memory


def _rows(subject: Subject, held: Mapping[str, Held], counts: _Counts) -> dict[str, LayerRow]:
    """By the modules' names: those without children, and those with something of their own."""
    rows = {}
    for name, layer in subject.module.named_modules():
        own, macs = held[name], counts.macs.get(name, 0)
        is_leaf = not any(True for _ in layer.children())
        if is_leaf or macs or own.parameters or own.buffers:
            rows[name] = LayerRow(
                path=name or subject.name,
                type=getattr(layer, "original_name", type(layer).__name__),
                parameters=own.elements,
                macs=macs,
                bytes=own.bytes,
                output_shape=counts.shapes.get(name, ()),
                activation_bytes=counts.bytes.get(name, 0),
                calls=counts.calls.get(name, 0),
            )
    return rows


def _timed(row: LayerRow, time_ms: float | None) -> LayerRow:
    if row.calls == 0 or time_ms is None:
        return replace(row, timed="not_timed" if row.calls else "not_run")
    return replace(row, timed="measured", time_ms=time_ms)
