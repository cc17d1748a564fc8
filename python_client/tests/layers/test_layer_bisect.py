"""The first position that is wrong is found, and in few rounds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from oxidizedvision.layers.bisect import CUTS, crossing, first_wrong


class Judge:
    """Everything after a position is wrong."""

    def __init__(self, wrong: int) -> None:
        self.wrong = wrong
        self.rounds: list[int] = []

    def __call__(self, places: Sequence[int]) -> list[bool]:
        self.rounds.append(len(places))
        return [place < self.wrong for place in places]


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 200])
def test_every_position_is_found(count: int) -> None:
    for wrong in range(count):
        judge = Judge(wrong)
        assert first_wrong(count, judge) == wrong
        assert len(judge.rounds) <= 2
        assert max(judge.rounds) <= CUTS + 1


def test_one_round_tells_that_all_is_right() -> None:
    judge = Judge(200)
    assert first_wrong(200, judge) is None
    assert len(judge.rounds) == 1
    assert first_wrong(0, judge) is None


def test_large_graphs_take_one_round_more() -> None:
    judge = Judge(3210)
    assert first_wrong(4000, judge) == 3210
    assert len(judge.rounds) == 3


def test_a_cut_is_crossed_by_what_is_read_after_it() -> None:
    order = ["a", "b", "c", "d"]
    # b is made of a, c of b, d of a and c.
    readers = {"a": 3, "b": 2, "c": 3}
    assert crossing(order, readers, 0) == ["a"]
    assert crossing(order, readers, 1) == ["a", "b"]
    assert crossing(order, readers, 2) == ["a", "c"]
    assert crossing(order, readers, 3) == ["d"]
