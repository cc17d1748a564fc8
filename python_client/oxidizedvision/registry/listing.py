"""Which entries, in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal

from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.registry.entries import Entry, ListedEntry, listed
from oxidizedvision.registry.finding import newest_first
from oxidizedvision.registry.store import read

Order = Literal["date", "name", "size"]
ORDERS: tuple[Order, ...] = ("date", "name", "size")
FORMATS = ("onnx", "torchscript", "pt2")

_SPAN = re.compile(r"(\d{1,6})(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class ListFilter:
    """What an entry must be to be listed; None asks for nothing.

    name: a pattern with `*`, `?` or `[…]`; without any of them, a part of the name.
    tag: a tag, or a pattern. format: `onnx`, `torchscript` or `pt2`.
    engine: a crate was made for it.
    since: converted then or later: `2026-11-01`, `2026-11-01T12:00`, or `30m`, `12h`, `7d`, `2w`
    ago. A time without an offset is UTC.
    """

    name: str | None = None
    tag: str | None = None
    format: str | None = None
    engine: str | None = None
    since: str | None = None


def list_models(
    *,
    name: str | None = None,
    where: ListFilter | None = None,
    sort: Order = "date",
    reverse: bool = False,
) -> list[ListedEntry]:
    """The registered models, each with the state of its files.

    Args:
        name: Shorthand for `ListFilter(name=name)`.
        where: Which of them.
        sort: `date` (the newest first), `name` (and its newest version first), or `size` (the
            largest first).
        reverse: The other way round.

    Raises:
        OxidizedVisionError: `corrupt` when neither the registry nor its copy can be read, `usage`
            for a filter or an order that is none.
    """
    if sort not in ORDERS:
        raise OxidizedVisionError(
            Kind.USAGE, f"The order {sort!r} is unknown", f"Use one of: {', '.join(ORDERS)}."
        )
    entries = newest_first(read().all())
    newest: dict[str, str] = {}
    for entry in entries:
        newest.setdefault(str(entry.manifest), entry.sha256)
    tests = _tests(where or ListFilter(name=name))
    chosen = _sorted([entry for entry in entries if all(test(entry) for test in tests)], sort)
    if reverse:
        chosen.reverse()
    return [listed(entry, newest[str(entry.manifest)]) for entry in chosen]


def _tests(where: ListFilter) -> list[Callable[[Entry], bool]]:
    tests: list[Callable[[Entry], bool]] = []
    name, tag, wanted, engine = where.name, where.tag, where.format, where.engine
    if name is not None:
        tests.append(lambda entry: _matches(entry.name, name))
    if tag is not None:
        tests.append(lambda entry: any(fnmatchcase(own, tag) for own in entry.tags))
    if wanted is not None:
        if wanted not in FORMATS:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"No model has the format {wanted!r}{nearest(wanted, FORMATS)}",
                f"Use one of: {', '.join(FORMATS)}.",
            )
        tests.append(lambda entry: wanted in entry.formats)
    if engine is not None:
        tests.append(lambda entry: engine in entry.engines)
    if where.since is not None:
        moment = moment_of(where.since, datetime.now(UTC))
        tests.append(lambda entry: _time_of(entry) >= moment)
    return tests


def _matches(text: str, pattern: str) -> bool:
    if any(char in pattern for char in "*?["):
        return fnmatchcase(text, pattern)
    return pattern in text


def moment_of(since: str, now: datetime) -> datetime:
    """The moment that `since` names.

    Raises:
        OxidizedVisionError: `usage` for text that is neither a date nor a span.
    """
    span = _SPAN.fullmatch(since)
    try:
        if span is not None:
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        moment = datetime.fromisoformat(since)
    except (ValueError, OverflowError) as error:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{since!r} is neither a date nor a span of time",
            "Write a date such as 2026-11-01, or a span such as 30m, 12h, 7d or 2w.",
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _time_of(entry: Entry) -> datetime:
    try:
        moment = datetime.fromisoformat(entry.created)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _sorted(entries: Sequence[Entry], order: Order) -> list[Entry]:
    """Newest first as given; the other orders keep that among equals."""
    if order == "name":
        return sorted(entries, key=lambda entry: entry.name)
    if order == "size":
        return sorted(entries, key=lambda entry: entry.bytes, reverse=True)
    return list(entries)
