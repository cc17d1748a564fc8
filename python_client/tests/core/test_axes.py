"""Axes that only look as if they had the same name are different lengths, as in `runner_core`."""

from __future__ import annotations

import pytest

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.shapes import checked_shapes
from oxidizedvision.core.tensors import Dim, TensorSpec, axis, is_shared

SHARED = ("n", "batch", "batch-size", "s0", "2*s0", "p2o.DynamicDimension.0", "_", "größe", "x_2")
UNSHARED = ("", "?", "-1", "*", "...", "0", "  ", "None", "none")


@pytest.mark.parametrize("name", SHARED)
def test_a_name_ties_axes_together(name: str) -> None:
    assert is_shared(name)
    assert axis("x", 2, name) == name


@pytest.mark.parametrize("name", UNSHARED)
def test_what_is_no_name_ties_nothing(name: str) -> None:
    assert not is_shared(name)
    assert axis("x", 2, name) == "x_2"


@pytest.mark.parametrize(("declared", "found"), [(3, 3), (0, 0), (-1, "x_2"), (None, "x_2")])
def test_a_length_below_zero_is_none(declared: int | None, found: Dim) -> None:
    assert axis("x", 2, declared) == found


def test_shapes_that_are_given_bind_names_alone() -> None:
    def of(name: str) -> tuple[TensorSpec, ...]:
        return TensorSpec("x", "f32", (name, 3, name)), TensorSpec("y", "f32", (name,))

    assert checked_shapes("m", of("?"), {"x": (1, 3, 7)}, fixed=True) == {
        "x": (1, 3, 7),
        "y": ("?",),
    }
    assert checked_shapes("m", of("n"), {"x": (7, 3, 7)}, fixed=True)["y"] == (7,)
    with pytest.raises(OxidizedVisionError, match="makes n both 1 and 7"):
        checked_shapes("m", of("n"), {"x": (1, 3, 7)}, fixed=True)
