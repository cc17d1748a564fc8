"""Names of what a network returns, however it is nested."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest

from oxidizedvision.runners.torch_outputs import leaves, names_of

Boxes = namedtuple("Boxes", ["boxes", "scores"])


@dataclass
class Answer:
    logits: int
    aux: int | None = None


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (1, ["output"]),
        ((1,), ["output"]),
        ([1, 2], ["output_0", "output_1"]),
        ({"out": 1}, ["out"]),
        (OrderedDict(out=1, aux=2), ["out", "aux"]),
        ({"out": 1, "aux": None}, ["out"]),
        (Boxes(1, 2), ["boxes", "scores"]),
        (Answer(1), ["logits"]),
        ({"features": [1, 2], "mask": 3}, ["features_0", "features_1", "mask"]),
        ((1, {"a": 2}), ["output_0", "output_1_a"]),
        ({0: 1, 1: 2}, ["output_0", "output_1"]),
        ({"a-b": 1, "a b": 2}, ["a_b", "a_b_2"]),
        ({"input": 1, "y": 2}, ["input_output", "y"]),
        ((), []),
    ],
)
def test_names(result: Any, expected: list[str]) -> None:
    found = names_of([path for path, _ in leaves(result)], ["input"])
    assert found == expected


def test_values_come_in_order() -> None:
    found = [value for _, value in leaves({"b": [1, (2, 3)], "a": 4, "none": None})]
    assert found == [1, 2, 3, 4]
