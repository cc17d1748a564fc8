"""The smallest part of a graph that still fails: by layers, then by delta debugging over nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oxidizedvision.core.results import Notify, silent
from oxidizedvision.layers.local import make_layers, measure_local
from oxidizedvision.layers.reduction.trial import DIFFERS, Failure, Nodes, Trials

if TYPE_CHECKING:
    from oxidizedvision.layers.graph import Graph
    from oxidizedvision.layers.local import Bench

MOST_SINGLE = 5
"""So many layers that fail by themselves are tried as a part of their own."""

Fails = Callable[[Sequence[int]], bool]


@dataclass(frozen=True)
class Minimum:
    """The nodes that are left, how they fail, and how many parts were tried."""

    nodes: Nodes
    failure: Failure
    tried: int


@dataclass
class _Search:
    trials: Trials
    kind: str
    deadline: float

    def fails(self, nodes: Sequence[int]) -> bool:
        """Whether a part fails as the whole does; after the deadline nothing more is tried."""
        if not nodes or time.monotonic() > self.deadline:
            return False
        failure = self.trials.failure(nodes)
        return failure is not None and failure.kind == self.kind


def minimise(bench: Bench, seconds: float, notify: Notify = silent) -> Minimum | None:
    """The least that fails as the whole does; None where neither the whole nor a layer fails.

    Args:
        bench: The two sides, with the reference's value of every tensor.
        seconds: After so long what was found by then is given.
        notify: Told how far it is.
    """
    trials = Trials(bench)
    graph = bench.candidate.graph
    notify("running the whole")
    whole = trials.closed(graph.needed(graph.outputs))
    failure = trials.failure(whole)
    search = _Search(trials, failure.kind if failure else DIFFERS, time.monotonic() + seconds)
    nodes = _single(search, bench, notify) or (whole if failure else ())
    if not nodes:
        return None
    if nodes == whole:
        nodes = _interval(search, whole, notify)
    notify(f"leaving out parts of {len(nodes)} nodes")
    nodes = trials.closed(reduced(nodes, search.fails))
    nodes = _connected(graph, nodes, search.fails)
    left = trials.failure(nodes)
    assert left is not None  # noqa: S101 - nothing that does not fail is kept
    return Minimum(nodes, left, trials.count)


def _single(search: _Search, bench: Bench, notify: Notify) -> Nodes:
    """A layer that fails by itself, if there is one: all are looked at in one run."""
    notify("running every layer by itself")
    measured = measure_local(bench, make_layers(bench, bench.meets))
    differs = sorted((la for la in measured if la.faulty), key=lambda layer: -layer.excess)
    refused = [layer for layer in measured if layer.failure]
    graph = bench.candidate.graph
    for layer in (differs if search.kind == DIFFERS else refused)[:MOST_SINGLE]:
        nodes = tuple(graph.needed([layer.tensor], bench.meets))
        if search.fails(nodes):
            return search.trials.closed(nodes)
    return ()


def _interval(search: _Search, whole: Nodes, notify: Notify) -> Nodes:
    """The shortest beginning that fails, and of that the shortest end."""
    notify("cutting the end off")
    end = _least(len(whole), lambda count: search.fails(whole[:count]))
    notify("cutting the beginning off")
    kept = whole[:end]
    count = _least(len(kept), lambda count: search.fails(kept[len(kept) - count :]))
    return search.trials.closed(kept[len(kept) - count :])


def _least(count: int, fails: Callable[[int], bool]) -> int:
    """The least number that fails, by bisection; `count` does."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        if fails(middle):
            high = middle
        else:
            low = middle
    return high


def reduced(nodes: Sequence[int], fails: Fails) -> list[int]:
    """A subset that fails and of which no single node can be left out (delta debugging).

    Args:
        nodes: A set that fails.
        fails: Whether a subset does.
    """
    kept, parts = list(nodes), 2
    while len(kept) > 1:
        pieces = list(_pieces(kept, parts))
        smaller = _first_failing(pieces, kept, fails)
        if smaller is not None:
            kept, parts = smaller, 2 if len(smaller) < len(kept) / 2 else max(parts - 1, 2)
        elif parts >= len(kept):
            break
        else:
            parts = min(2 * parts, len(kept))
    return kept


def _first_failing(
    pieces: Sequence[list[int]], kept: Sequence[int], fails: Fails
) -> list[int] | None:
    """A piece that fails, or all without one piece."""
    for piece in pieces:
        if len(piece) < len(kept) and fails(piece):
            return piece
    if len(pieces) > 2:
        for piece in pieces:
            rest = [node for node in kept if node not in set(piece)]
            if fails(rest):
                return rest
    return None


def _pieces(nodes: Sequence[int], parts: int) -> Iterator[list[int]]:
    start = 0
    for number in range(parts):
        end = start + (len(nodes) - start) // (parts - number)
        if end > start:
            yield list(nodes[start:end])
        start = end


def _connected(graph: Graph, nodes: Nodes, fails: Fails) -> Nodes:
    """The smallest connected part that fails alone; all where none does."""
    parts = sorted(_components(graph, nodes), key=len)
    if len(parts) > 1:
        for part in parts:
            if fails(part):
                return tuple(part)
    return nodes


def _components(graph: Graph, nodes: Iterable[int]) -> list[list[int]]:
    left = set(nodes)
    found = []
    while left:
        open_ends = [left.pop()]
        part = list(open_ends)
        while open_ends:
            near = _neighbours(graph, open_ends.pop()) & left
            left -= near
            part += near
            open_ends += near
        found.append(sorted(part))
    return found


def _neighbours(graph: Graph, index: int) -> set[int]:
    before = {graph.producers[name] for name in graph.reads(index) if name in graph.producers}
    after = {n for name in graph.nodes[index].output for n in graph.consumers.get(name, ())}
    return before | after
