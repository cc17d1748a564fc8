"""The lengths that are tried: both ends, 1, odd ones, and never one out of range."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oxidizedvision.config.axes import DynamicAxis
from oxidizedvision.convert.proof.sweep import length_sets, lengths_of
from oxidizedvision.convert.shapes import Signature
from oxidizedvision.core.tensors import TensorSpec


def test_a_range_is_tried_at_both_ends_at_odd_steps_and_in_the_middle() -> None:
    axis = DynamicAxis(name="height", min=30, max=200, multiple_of=32)
    assert sorted(lengths_of(axis, 64, [96])) == [32, 96, 160, 192]


def test_a_bare_name_is_tried_at_one_and_at_an_odd_length() -> None:
    found = lengths_of(DynamicAxis(name="batch"), 4, [5, 8])
    assert 1 in found
    assert any(length % 2 for length in found if length > 1)


@given(
    first=st.integers(1, 300),
    more=st.integers(0, 300),
    step=st.integers(1, 40),
    example=st.integers(1, 600),
)
def test_no_length_is_out_of_range(first: int, more: int, step: int, example: int) -> None:
    low, high = first * step, (first + more) * step
    axis = DynamicAxis(name="n", min=low, max=high, multiple_of=step)
    example = low + (example - 1) % (more + 1) * step
    found = lengths_of(axis, example, [])
    assert all(axis.allows(length) for length in found)
    assert {low, high} <= {*found, example}


def test_axes_are_tried_alone_and_together() -> None:
    axes = {name: DynamicAxis(name=name, min=1, max=8) for name in ("height", "width")}
    signature = Signature(
        inputs=(TensorSpec("input", "f32", (1, "height", "width")),),
        outputs=(),
        shapes={"input": (1, 4, 4)},
        axes=axes,
        lengths={"height": 4, "width": 4},
        others={"height": (5,), "width": (5,)},
    )
    found = list(length_sets(signature))
    assert {"height": 8} in found
    assert {"width": 1} in found
    assert {"height": 8, "width": 8} in found
