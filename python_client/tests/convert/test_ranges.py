"""The range of an axis is found by trying, and only where it follows a rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oxidizedvision.config.axes import DynamicAxis
from oxidizedvision.convert.ranges import measured_range

NAMED = DynamicAxis(name="height")


@pytest.mark.parametrize(
    ("example", "takes", "smallest", "step"),
    [
        (64, lambda n: n > 0, 1, 1),
        (64, lambda n: n % 16 == 0, 1, 16),
        (64, lambda n: n >= 7, 7, 1),
        (224, lambda n: n % 32 == 0 and n >= 64, 64, 32),
        (65, lambda n: n % 5 == 0 and n >= 10, 10, 5),
        (8, lambda n: n >= 8, 8, 1),
        (32, lambda n: n % 32 == 0, 1, 32),
    ],
)
def test_what_follows_a_rule_is_found(
    example: int, takes: Callable[[int], bool], smallest: int, step: int
) -> None:
    found = measured_range(NAMED, example, takes)
    assert (found.min, found.multiple_of, found.max) == (smallest, step, None)
    assert found.is_bounded == (smallest > 1 or step > 1)


@pytest.mark.parametrize(
    ("example", "takes"),
    [
        (33, lambda n: n % 4 == 1),
        (33, lambda n: n % 5 == 3),
        (64, lambda n: n == 64),
        (64, lambda n: n in {64, 128}),
        (48, lambda n: n % 16 == 0 or n % 5 == 0),
        (64, lambda n: n % 2 == 0 and n != 68),
    ],
)
def test_what_follows_none_stays_free(example: int, takes: Callable[[int], bool]) -> None:
    assert not measured_range(NAMED, example, takes).is_bounded


def test_a_hole_below_the_example_is_no_smallest_length() -> None:
    assert measured_range(NAMED, 64, lambda n: n > 30 or n in {20, 21}).min == 31
    assert measured_range(NAMED, 64, lambda n: n > 30 or n in {29, 28}).min == 1


@pytest.mark.parametrize(
    "axis",
    [
        DynamicAxis(name="height", multiple_of=1),
        DynamicAxis(name="height", min=1),
        DynamicAxis(name="height", max=512),
    ],
)
def test_what_is_declared_is_not_tried(axis: DynamicAxis) -> None:
    def never(length: int) -> bool:
        raise AssertionError(length)

    assert measured_range(axis, 64, never) is axis
