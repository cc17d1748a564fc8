"""The known name that an unknown one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """A clause that ends an "unknown …" message: the nearest known name, or all of them."""
    names = list(known)
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    if found:
        return f"; did you mean {found[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""
