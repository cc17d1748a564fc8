"""Times of nodes summed into rows, an engine beside the other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.onnx_notes import ROOT

if TYPE_CHECKING:
    from oxidizedvision.benchmark.engine_profile.report import ProfiledNode

Source = Literal["file", "added", "unknown"]
"""Whether a node does the work of nodes of the file, was added, or leads to none in the file."""

_WORDS: Mapping[Source, str] = {
    "file": "",
    "added": "added by the engine",
    "unknown": "of unknown origin",
}
_MODULE_WORDS = {"": "no module noted", ROOT: "the network itself"}

RowKey = tuple[str, Source]
KeyOf = Callable[["ProfiledNode"], RowKey]


@dataclass(frozen=True)
class SideRow:
    """An operator or a module in all engines.

    Args:
        name: The ONNX operator or the module's path; empty for nodes without a module.
        source: As of `ProfiledNode`; what is not from the file has rows of its own.
        ms: Milliseconds of one run by engine; an engine that has no such node is not in it.
    """

    name: str
    source: Source
    ms: Mapping[str, float]

    @property
    def label(self) -> str:
        """The name, with what a reader must know about it."""
        words = _WORDS[self.source] or _MODULE_WORDS.get(self.name, "")
        if not self.name:
            return f"({words})"
        return f"{self.name} ({words})" if words else self.name

    @property
    def largest_ms(self) -> float:
        """The most that it takes in any engine."""
        return max(self.ms.values())


def side_by_side(
    engines: Mapping[str, Sequence[ProfiledNode]], key_of: KeyOf
) -> tuple[SideRow, ...]:
    """Every node in exactly one row; the largest in any engine first."""
    times: defaultdict[RowKey, defaultdict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for engine, nodes in engines.items():
        for node in nodes:
            times[key_of(node)][engine].append(node.ms)
    rows = [
        SideRow(name, source, {engine: math.fsum(parts) for engine, parts in found.items()})
        for (name, source), found in times.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.largest_ms, row.label)))


def rest_of(rows: Sequence[SideRow], engine: str) -> float | None:
    """What rows take together in an engine; None where it has none of them."""
    parts = [row.ms[engine] for row in rows if engine in row.ms]
    return math.fsum(parts) if parts else None


def operator_key(node: ProfiledNode) -> RowKey:
    """The row of a node by operator."""
    return node.operator or node.op_type, node.source


def module_key(depth: int | None) -> KeyOf:
    """What gives the row of a node by module; see `EngineProfile.by_module`.

    Raises:
        OxidizedVisionError: `usage` for a depth below 1.
    """
    if depth is not None and depth < 1:
        raise OxidizedVisionError(
            Kind.USAGE, f"A depth of {depth} names no module", "Give 1 or more."
        )

    def key(node: ProfiledNode) -> RowKey:
        path = node.module or ""
        if depth is None or path in {"", ROOT}:
            return path, node.source
        return ".".join(path.split(".")[:depth]), node.source

    return key
