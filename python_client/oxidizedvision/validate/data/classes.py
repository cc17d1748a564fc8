"""Which index of the output a class has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oxidizedvision.config.nearest import meant
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.text import counted


@dataclass(frozen=True)
class ClassIndex:
    """The index of every class of a data set. by: how it was found, in words."""

    of: Mapping[str, int]
    by: str


def class_index(
    names: Sequence[str], labels: Sequence[str] | None, classes: int, *, listed: bool
) -> ClassIndex:
    """The index of every class.

    By `postprocess.labels` where there are some. Whole numbers in a CSV file are indices
    themselves. Else the classes are counted in the order of their names, as torchvision's
    ImageFolder does, and then all of them must be there.

    Args:
        names: The classes of the data set.
        labels: `postprocess.labels`.
        classes: How many the model scores.
        listed: Whether the classes come from a CSV file.

    Raises:
        OxidizedVisionError: `input` for a class that the model has not.
    """
    if listed and all(map(_is_number, names)) and not set(names) & set(labels or ()):
        return ClassIndex(_numbered(names, classes), "their numbers")
    if labels:
        return ClassIndex({name: _label(name, labels) for name in names}, "postprocess.labels")
    ordered = sorted(names)
    if len(ordered) != classes:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"The data set has {counted(len(ordered), 'class')}, the model scores {classes}: the "
            "order of their names does not tell which is which",
            "Name the model's classes in postprocess.labels, or give --labels with numbers.",
        )
    return ClassIndex({name: at for at, name in enumerate(ordered)}, "the order of their names")


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10


def _numbered(names: Sequence[str], classes: int) -> dict[str, int]:
    numbers = {name: int(name) for name in names}
    largest = max(numbers.values())
    if largest >= classes:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"The data set has a class {largest}, the model scores {classes}",
            f"Classes are counted from 0 to {classes - 1}.",
        )
    return numbers


def _label(name: str, labels: Sequence[str]) -> int:
    found = [index for index, label in enumerate(labels) if label == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"postprocess.labels names {name!r} {len(found)} times, so it tells no class apart",
            "Give the classes as numbers in a CSV file, with --labels.",
        )
    raise OxidizedVisionError(
        Kind.INPUT,
        f"{name!r} is a class of the data set and not in postprocess.labels{meant(name, labels)}",
        "Name folders and labels alike, or give the classes as numbers with --labels.",
    )
