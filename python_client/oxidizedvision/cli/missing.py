"""Runners that were named and are not here, as they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class _Row(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def hint(self) -> str: ...


def unavailable_views(rows: Iterable[_Row]) -> list[str]:
    """One line for each."""
    return [f"{row.name} did not run ({row.status.replace('_', ' ')}): {row.hint}" for row in rows]
