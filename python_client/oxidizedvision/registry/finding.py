"""Which entry a name, a tag or some digits mean."""

from __future__ import annotations

import re
from collections.abc import Iterable

from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.registry.entries import Entry
from oxidizedvision.registry.schema import Document
from oxidizedvision.registry.store import read

LEAST_DIGITS = 4
_VERSIONED = re.compile(r"(.+)@(\d+)")


def find(target: str) -> Entry:
    """The entry that a tag, `NAME@VERSION`, a name or the first digits of a SHA-256 mean.

    They are tried in this order. A name alone means its newest model.

    Raises:
        OxidizedVisionError: `not_found`, with the nearest name; `usage` for digits that begin
            several.
    """
    return found(read(), target)


def found(document: Document, target: str) -> Entry:
    """As `find`, in a document."""
    if target in document.tags:
        return document.entry(document.tags[target])
    entries = document.all()
    versioned = _VERSIONED.fullmatch(target)
    for entry in newest_first(entries):
        if target == entry.name:
            return entry
        if versioned and (entry.name, entry.version) == (versioned[1], int(versioned[2])):
            return entry
    matching = _by_digits(entries, target)
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{target} begins the ids of {len(matching)} models: "
            + ", ".join(f"{entry.id} ({entry.label})" for entry in matching),
            "Give more digits.",
        )
    raise _unknown(document, target)


def named(document: Document, target: str) -> list[Entry]:
    """Every model of exactly this name, the newest first; none where it is a tag."""
    if target in document.tags:
        return []
    return newest_first(entry for entry in document.all() if entry.name == target)


def newest_first(entries: Iterable[Entry]) -> list[Entry]:
    """By the time of conversion, then of registration."""
    return sorted(entries, key=lambda entry: (entry.created, entry.updated), reverse=True)


def _by_digits(entries: Iterable[Entry], digits: str) -> list[Entry]:
    """Entries whose SHA-256 begins so; where only its beginning is known, that begins so."""
    digits = digits.lower()
    if len(digits) < LEAST_DIGITS:
        return []
    return [e for e in entries if e.sha256.startswith(digits) or digits == e.id]


def _unknown(document: Document, target: str) -> OxidizedVisionError:
    name = target.partition("@")[0]
    own = [entry.label for entry in document.all() if entry.name == name]
    if "@" in target and own:
        clause = f"; there is {', '.join(sorted(own))}"
    else:
        clause = nearest(target, sorted(document.names() | set(document.tags)))
    return OxidizedVisionError(
        Kind.NOT_FOUND,
        f"No registered model is called {target!r}{clause}",
        "`oxidizedvision list` shows what is registered; `oxidizedvision convert` registers.",
    )
