"""What a network returns as named tensors: a tensor, or tuples, lists and dicts of them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str | int, ...]

_NOT_A_NAME = re.compile(r"\W+")


def leaves(result: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Everything that a network returned, in order, with the keys and positions that lead to it.

    None is left out: networks give it for an output that they were not asked for.
    """
    if result is None:
        return
    children = _children(result)
    if children is None:
        yield path, result
        return
    for key, value in children:
        yield from leaves(value, (*path, key))


def _children(result: Any) -> list[tuple[str | int, Any]] | None:
    """The parts of a container; None for everything else."""
    if isinstance(result, Mapping):
        return [(key if isinstance(key, int) else str(key), value) for key, value in result.items()]
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return list(zip(result._fields, result, strict=True))
    if isinstance(result, tuple | list):
        return list(enumerate(result))
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return [(field.name, getattr(result, field.name)) for field in dataclasses.fields(result)]
    return None


def names_of(paths: Sequence[Path], inputs: Sequence[str]) -> list[str]:
    """A name for every output.

    A single tensor is `output`, those of a tuple are `output_0`, `output_1`, …; keys of a dict
    and fields of a named tuple are names themselves, `features_0` where they hold a list. A name
    that an input has, or that is there already, gets `_output`, then a number.
    """
    if len(paths) == 1 and not any(isinstance(part, str) for part in paths[0]):
        bare = ["output"]
    else:
        bare = [_joined(path) for path in paths]
    taken = set(inputs)
    names: list[str] = []
    for name in bare:
        free = name if name not in inputs else f"{name}_output"
        count = 1
        while free in taken:
            count += 1
            free = f"{name}_{count}"
        taken.add(free)
        names.append(free)
    return names


def _joined(path: Path) -> str:
    text = "_".join(_NOT_A_NAME.sub("_", str(part)) for part in path)
    if isinstance(path[0], int):
        return f"output_{text}"
    return text if text.isidentifier() else f"output_{text}"
