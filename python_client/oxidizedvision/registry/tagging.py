"""Tags: names of one's own, each of exactly one model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.registry.entries import Entry
from oxidizedvision.registry.finding import found
from oxidizedvision.registry.schema import Document
from oxidizedvision.registry.store import changing, read

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Tag:
    """A tag and the model that it names.

    moved_from: the model that it named before, as `NAME@VERSION`, where it was moved just now.
    """

    tag: str
    id: str
    name: str
    version: int
    moved_from: str | None = None


def tag(target: str, name: str) -> Tag:
    """Give a model a tag; one that another model has moves in one step.

    Args:
        target: The model: a tag, a name, `NAME@VERSION` or the first digits of its SHA-256.
        name: The tag.

    Raises:
        OxidizedVisionError: `not_found` for the model, `usage` for what cannot be a tag or is the
            name of a model, `file_system`.
    """
    if not _TAG.fullmatch(name):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{name!r} cannot be a tag",
            "Use 1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit.",
        )
    with changing() as document:
        entry = found(document, target)
        if name in document.names():
            raise OxidizedVisionError(
                Kind.USAGE,
                f"{name!r} is the name of a model, so it cannot be a tag",
                "Choose another tag.",
            )
        before = document.tags.get(name)
        moved = document.entry(before) if before not in (None, entry.sha256) else None
        document.tags[name] = entry.sha256
    return _tag(name, entry, moved.label if moved else None)


def untag(name: str) -> Tag:
    """Take a tag away; the model stays.

    Raises:
        OxidizedVisionError: `not_found`, with the nearest tag; `file_system`.
    """
    with changing() as document:
        if name not in document.tags:
            raise OxidizedVisionError(
                Kind.NOT_FOUND,
                f"There is no tag {name!r}{nearest(name, sorted(document.tags))}",
                "`oxidizedvision tag` lists every tag.",
            )
        entry = document.entry(document.tags.pop(name))
    return _tag(name, entry)


def tags(target: str | None = None) -> list[Tag]:
    """Every tag, or those of one model, in alphabetical order.

    Args:
        target: A name means all its versions; else as in `tag`.

    Raises:
        OxidizedVisionError: `not_found` for the model.
    """
    document = read()
    wanted = None if target is None else _sha256s(document, target)
    return [
        _tag(name, document.entry(sha256))
        for name, sha256 in sorted(document.tags.items())
        if wanted is None or sha256 in wanted
    ]


def _sha256s(document: Document, target: str) -> set[str]:
    found_one = found(document, target)
    of_name = {sha256 for sha256, entry in document.entries.items() if entry["name"] == target}
    return of_name | {found_one.sha256}


def _tag(name: str, entry: Entry, moved_from: str | None = None) -> Tag:
    return Tag(name, entry.id, entry.name, entry.version, moved_from)
