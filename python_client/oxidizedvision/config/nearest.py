"""The known name that an unknown one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """A clause that ends an "unknown …" message: the nearest known name, or all of them."""
    names = list(known)
    return meant(name, names) or (f"; known: {', '.join(names)}" if names else "")


def meant(name: str, known: Iterable[str]) -> str:
    """A clause with the nearest known name; empty where none is near."""
    found = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""
