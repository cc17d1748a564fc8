"""Multiply-adds of Einsum."""

from __future__ import annotations

import math
from collections.abc import Sequence

from oxidizedvision.profile.graph.operands import Operands
from oxidizedvision.profile.graph.values import UnknownLengthError

_ELLIPSIS = "..."


def einsum_macs(node: Operands) -> int:
    """The operands meet from left to right; a product counts where an index is summed away.

    An index that only one operand has is summed before it meets another, which multiplies nothing.
    """
    left_side, arrow, right_side = node.attribute("equation").replace(" ", "").partition("->")
    indices: list[list[str]] = []
    lengths: dict[str, int] = {}
    for position, term in enumerate(left_side.split(",")):
        shape = node.input(position)
        names = _indices(term, len(shape))
        indices.append(names)
        for name, length in zip(names, shape, strict=True):
            lengths[name] = max(length, lengths.get(name, 1))
    return _products(indices, right_side if arrow else _implied_output(left_side), lengths)


def _products(indices: Sequence[list[str]], output: str, lengths: dict[str, int]) -> int:
    total = 0
    left = set(indices[0])
    for position, names in enumerate(indices[1:], start=1):
        later = {name for other in indices[position + 1 :] for name in other}
        kept = {name for name in lengths if name in later or _is_in(name, output)}
        right = set(names)
        both = {name for name in left | right if name in kept or name in left & right}
        if both - kept:
            total += math.prod(lengths[name] for name in both)
        left = both & kept
    return total


def _indices(term: str, rank: int) -> list[str]:
    """One name per axis; those of an ellipsis are numbered from its end, as they broadcast."""
    before, dots, after = term.partition(_ELLIPSIS)
    hidden = rank - len(before) - len(after)
    if hidden < 0 or (hidden and not dots):
        raise UnknownLengthError
    return [*before, *(f"{_ELLIPSIS}{n}" for n in range(hidden, 0, -1)), *after]


def _implied_output(left_side: str) -> str:
    """The indices that stand once, and the ellipsis."""
    letters = left_side.replace(_ELLIPSIS, "").replace(",", "")
    return _ELLIPSIS + "".join(letter for letter in letters if letters.count(letter) == 1)


def _is_in(name: str, output: str) -> bool:
    return (_ELLIPSIS in output) if name.startswith(_ELLIPSIS) else name in output
