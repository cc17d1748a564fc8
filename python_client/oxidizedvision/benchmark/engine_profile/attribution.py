"""From what an engine's nodes took to the operators and modules of the ONNX file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.benchmark.engine_profile.report import ProfiledNode
from oxidizedvision.benchmark.engine_profile.sums import Source
from oxidizedvision.core.files import file_errors
from oxidizedvision.onnx_file import decode_onnx
from oxidizedvision.onnx_notes import MODULE, all_nodes, note_of
from oxidizedvision.runners.base import NodeTime

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


@dataclass(frozen=True)
class FileNode:
    """A node of the ONNX file; `module` is empty where it has no note of one."""

    op_type: str
    module: str


FileNodes = Mapping[str, FileNode]
"""By name, or by the first output of a node without one, as engines' origins are."""


def read_nodes(path: Path) -> dict[str, FileNode]:
    """The nodes of an ONNX file; its weights are not read.

    Raises:
        OxidizedVisionError: `not_found`, `file_system`, `corrupt`, or `dependency_missing`
            without the package onnx.
    """
    with file_errors(path):
        content = path.read_bytes()
    return nodes_of(decode_onnx(content, path))


def nodes_of(model: ModelProto) -> dict[str, FileNode]:
    """The nodes of a model. Of several with one name the first stands, those inside others last."""
    found: dict[str, FileNode] = {}
    for node in _outer_first(model.graph):
        name = node.name or next(iter(node.output), "")
        found.setdefault(name, FileNode(node.op_type, note_of(node, MODULE)))
    return found


def _outer_first(graph: GraphProto) -> Iterator[NodeProto]:
    yield from graph.node
    yield from all_nodes(graph)


def attributed(
    times: Sequence[NodeTime], file: FileNodes, runs: int
) -> tuple[tuple[ProfiledNode, ...], dict[str, int]]:
    """Nodes with the operator and module that they stand for, and what was fused into others."""
    whole = math.fsum(time.total_ms for time in times)
    nodes = tuple(_node(time, file, runs, whole) for time in times)
    return nodes, _fused(times, file)


def _node(time: NodeTime, file: FileNodes, runs: int, whole: float) -> ProfiledNode:
    first = next((file[name] for name in time.origins if name in file), None)
    source: Source = "file" if first else "unknown" if time.origins else "added"
    return ProfiledNode(
        name=time.name,
        op_type=time.op_type,
        calls=time.calls,
        ms=time.total_ms / runs,
        share=time.total_ms / whole if whole > 0 else 0.0,
        source=source,
        operator=first.op_type if first else time.op_type,
        module=(first.module or None) if first else None,
        origins=time.origins,
    )


def _fused(times: Sequence[NodeTime], file: FileNodes) -> dict[str, int]:
    """Nodes of the file that no node of the engine stands for, by operator, the most first."""
    known = [[name for name in time.origins if name in file] for time in times]
    standing = {names[0] for names in known if names}
    within = dict.fromkeys(name for names in known for name in names if name not in standing)
    return dict(Counter(file[name].op_type for name in within).most_common())
