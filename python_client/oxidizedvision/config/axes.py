"""What a network takes: its inputs, and the axes whose length may change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from oxidizedvision.config.part import Finite, Length, Part

INPUT_NAME = "input"
"""The name of the input that `model.input_shape` describes."""

MAX_VALUES = 1 << 31
"""Of one input: 8 GiB as f32, far above any picture."""

KEY = "export.dynamic_axes"

Dtype = Literal["f32", "f16", "f64", "i8", "u8", "i32", "i64", "bool"]
Shape = Annotated[list[Length], Field(min_length=1)]


def fits_in_memory(shape: list[int]) -> list[int]:
    """The shape itself.

    Raises:
        ValueError: when a tensor of it is beyond any use.
    """
    if math.prod(shape) > MAX_VALUES:
        raise ValueError(f"expected at most {MAX_VALUES} values in all")
    return shape


class InputConfig(Part):
    """One input of the network, in the order in which `forward` takes them."""

    name: str = Field(description="The name that engines know it by.")
    shape: Shape = Field(description="An example's shape, which the network accepts.")
    dtype: Dtype = Field(default="f32", description="Element type.")
    low: Finite | None = Field(
        default=None,
        description="Smallest value of random inputs; null: normal, or 0 for integers.",
    )
    high: Finite | None = Field(
        default=None,
        description="Upper end of random inputs, not reached; null: normal, or 2 for integers.",
    )

    @field_validator("name")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if not value.isidentifier():
            raise ValueError("expected a name of letters, digits and '_'")
        return value

    _fits = field_validator("shape")(fits_in_memory)

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high belong together")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must be below high")
        return self


class DynamicAxis(Part):
    """An axis whose length may change, and how far."""

    name: str = Field(description="The axis' name; equal names are equal lengths.")
    min: Length = Field(default=1, description="Smallest length.")
    max: Length | None = Field(default=None, description="Largest length; null: no promise.")
    multiple_of: Length = Field(default=1, description="Lengths are multiples of this.")

    @field_validator("name")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if not value.isidentifier():
            raise ValueError(f"{value!r} cannot name an axis")
        return value

    @model_validator(mode="after")
    def _holds_a_length(self) -> Self:
        if self.max is not None and self.last < self.first:
            raise ValueError(
                f"no multiple of {self.multiple_of} lies from {self.min} to {self.max}"
            )
        return self

    @property
    def first(self) -> int:
        """The smallest length that is allowed."""
        return -(-self.min // self.multiple_of) * self.multiple_of

    @property
    def last(self) -> int:
        """The largest length that is allowed.

        Raises:
            ValueError: where none is declared.
        """
        if self.max is None:
            raise ValueError(f"{self.name} has no largest length")
        return self.max // self.multiple_of * self.multiple_of

    @property
    def is_bounded(self) -> bool:
        """Whether anything but the name is declared."""
        return self.min > 1 or self.max is not None or self.multiple_of > 1

    def allows(self, length: int) -> bool:
        """Whether the axis may have this length."""
        within = self.min <= length and (self.max is None or length <= self.max)
        return within and length % self.multiple_of == 0


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Axes = dict[str, dict[Annotated[int, Field(ge=0)], Annotated[DynamicAxis, BeforeValidator(_named)]]]
"""By input, then by axis."""


def checked_axes(axes: Axes, shapes: Mapping[str, list[int]]) -> dict[str, DynamicAxis]:
    """Every named axis, with the bounds that were declared for it.

    Bounds may stand at any one of the places of a name; the other places repeat only the name.

    Raises:
        ValueError: for an input or an axis that is not there, for two places of one name that do
            not agree, and for an example whose length is out of bounds.
    """
    found: dict[str, DynamicAxis] = {}
    lengths: dict[str, int] = {}
    for name, of_input in axes.items():
        if name not in shapes:
            known = ", ".join(shapes)
            raise ValueError(f"{KEY}.{name}: unknown input {name!r}; the network takes {known}")
        for axis, declared in of_input.items():
            if axis >= len(shapes[name]):
                raise ValueError(
                    f"{KEY}.{name}: there is no axis {axis} in a shape of {len(shapes[name])} axes"
                )
            length = shapes[name][axis]
            if lengths.setdefault(declared.name, length) != length:
                raise ValueError(
                    f"{KEY}: {declared.name!r} is {lengths[declared.name]} and {length} in "
                    "the example; equal names are equal lengths"
                )
            before = found.get(declared.name)
            if before is None or not before.is_bounded:
                found[declared.name] = declared
            elif declared.is_bounded and declared != before:
                raise ValueError(f"{KEY}: {declared.name!r} has two different ranges")
    for symbol, declared in found.items():
        if not declared.allows(lengths[symbol]):
            raise ValueError(
                f"{KEY}: the example's length {lengths[symbol]} of {symbol!r} is outside "
                "its own range"
            )
    return found
