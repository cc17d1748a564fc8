"""The first layer whose accumulated error rounding does not explain, in few runs.

Each round looks at what crosses some cuts through the graph, between the last cut that was right
and the first that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from oxidizedvision.layers.meeting import next_known

if TYPE_CHECKING:
    from oxidizedvision.layers.graph import Graph

CUTS = 15
"""In one round: two rounds are enough for 255 layers, three for 4095."""

Judge = Callable[[Sequence[int]], Sequence[bool]]
"""Told positions; says of each whether everything that crosses the cut after it is right."""


def first_wrong(count: int, right: Judge) -> int | None:
    """The first of `count` positions after which something is wrong; None where nothing seems so.

    As in any bisection, what is wrong somewhere is taken to stay wrong up to the next cuts.
    """
    low, high = -1, count
    while high - low > 1:
        places = _between(low, high)
        if high == count and count - 1 not in places:
            places.append(count - 1)
        wrong = [place for place, fine in zip(places, right(places), strict=True) if not fine]
        if high == count and not wrong:
            return None
        high = min(wrong, default=high)
        low = max((place for place in places if place < high), default=low)
    return high if count else None


def crossing(order: Sequence[str], readers: Mapping[str, int], position: int) -> list[str]:
    """The tensors made up to a position that are read after it.

    Args:
        order: All tensors as they are made.
        readers: By tensor the position of the last one that is made from it; those that nothing
            reads, and the outputs, are read at the end.
        position: Of the cut in `order`.
    """
    end = len(order)
    return [name for name in order[: position + 1] if readers.get(name, end) > position]


def last_readers(graph: Graph, order: Sequence[str]) -> dict[str, int]:
    """By tensor the position of the last one that is made from it, as `crossing` wants it."""
    place = {name: at for at, name in enumerate(order)}
    found = {}
    for name in order:
        readers = next_known(graph, name, place)
        if readers and name not in graph.outputs:
            found[name] = max(place[reader] for reader in readers)
    return found


def _between(low: int, high: int) -> list[int]:
    """Positions that part what lies between two others evenly, neither of them included."""
    inside = high - low - 1
    count = min(CUTS, inside)
    steps = (low + (number + 1) * (inside + 1) // (count + 1) for number in range(count))
    return sorted(set(steps))
