"""Which lengths an axis may have that is declared by its name alone: tried with PyTorch.

A network that halves a picture four times and puts the halves together again takes multiples of
16 only, and one without padding nothing below its kernels. Engines find out in the middle of
a run or not at all; with the range in the model they need not.
"""

from __future__ import annotations

from collections.abc import Callable

from oxidizedvision.config.axes import DynamicAxis

_STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64, 128)

Takes = Callable[[int], bool]
"""Whether the network runs at a length of the axis, the others as in the example."""


def measured_range(axis: DynamicAxis, example: int, takes: Takes) -> DynamicAxis:
    """The axis with the smallest length and the step that were found, as it is where none was.

    What is declared stays, and so does an axis that follows no such rule. A step divides the
    example's length; its next multiples are all taken, and the lengths around them are not. Below
    the smallest length nothing is taken, above it every step, as far as was tried.

    Args:
        axis: As the config has it.
        example: The example's length, which the network takes.
        takes: Tries a length.
    """
    if axis.model_fields_set != {"name"}:
        return axis
    step = _step(example, takes)
    if step is None:
        return axis
    smallest = _smallest(example // step, lambda steps: takes(steps * step))
    return axis.model_copy(
        update={"multiple_of": step, "min": smallest * step if smallest > 1 else 1}
    )


def _step(example: int, takes: Takes) -> int | None:
    """The distance of the lengths that are taken."""
    for step in (step for step in _STEPS if example % step == 0):
        if takes(example + step):
            multiples = (example + 2 * step, example + 3 * step)
            between = {1, step // 2, step - 1, step + 1} - {0, step} if step > 1 else ()
            fits = all(map(takes, multiples)) and not any(takes(example + n) for n in between)
            return step if fits else None
    return None


def _smallest(taken: int, takes: Takes) -> int:
    """The smallest number of steps, from one that is taken downwards; 1 where there is none."""
    if takes(1):
        return 1
    refused = 1
    while taken - refused > 1:
        middle = (taken + refused) // 2
        if takes(middle):
            taken = middle
        else:
            refused = middle
    below = range(max(1, taken - 3), taken)
    above = range(taken, taken + 3)
    return taken if all(map(takes, above)) and not any(map(takes, below)) else 1
