"""Several contenders measured in turns, in fresh processes each round."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any

Samples = dict[str, list[list[Any]]]
"""By contender: what was measured, by round and window."""


@dataclass(frozen=True)
class Contender:
    """Something that is started, and then measured again and again."""

    name: str
    start: Callable[[], AbstractContextManager[Any]]
    measure: Callable[[Any], Any]


def in_turns(
    contenders: Sequence[Contender], rounds: int, windows: int, *, warm: bool = True
) -> Samples:
    """Measure every contender in each window, in another random order each time.

    All contenders of a round live at once, and one of them works at a time: what slows the machine
    down for a while slows all down. The first window of a round is left out where it is to `warm`
    up. The order is seeded.
    """
    chance = random.Random(0)  # noqa: S311 - nothing secret
    samples: Samples = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        with ExitStack() as stack:
            started = {each.name: stack.enter_context(each.start()) for each in contenders}
            measured: dict[str, list[Any]] = {each.name: [] for each in contenders}
            for _ in range(windows + warm):
                for each in chance.sample(list(contenders), len(contenders)):
                    measured[each.name].append(each.measure(started[each.name]))
            for name, found in measured.items():
                samples[name].append(found[int(warm) :])
    return samples


def typical(windows: Sequence[Sequence[float]]) -> float:
    """The median of all windows of all rounds."""
    return statistics.median(chain.from_iterable(windows))


def picked(samples: list[list[Any]], key: Callable[[Any], float]) -> list[list[float]]:
    """One figure of everything that was measured of a contender."""
    return [[key(found) for found in windows] for windows in samples]
