"""Whether two sides were measured on the same machine with the same software."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oxidizedvision.diff.sides import Row, Side

_FACTS = {
    "cpu": "Another processor",
    "architecture": "Another architecture",
    "flags": "Other features of the processor",
    "threads_granted": "Another number of processors that may be used",
}
_OF_ROWS = frozenset({"torch", "onnxruntime"})
"""Engines whose versions the rows tell: another one concerns its own rows only."""


def machine_notes(a: Side, b: Side) -> list[str]:
    """How the machines and their common software differ, a sentence each; empty where they do not.

    A side that tells nothing of its machine is on another one.
    """
    if not a.rows or not b.rows:
        return []
    silent = [side.summary.source for side in (a, b) if not side.machine]
    if silent:
        return [f"{source} does not say on which machine it was measured." for source in silent]
    notes = [
        f"{what}: {_text(a.machine.get(key))}, then {_text(b.machine.get(key))}."
        for key, what in _FACTS.items()
        if _value(a.machine, key) != _value(b.machine, key)
    ]
    before, after = a.machine.get("versions", {}), b.machine.get("versions", {})
    notes += [
        f"Another version of {name}: {before.get(name, 'none')}, then {after.get(name, 'none')}."
        for name in sorted({*before, *after} - _OF_ROWS)
        if before.get(name) != after.get(name)
    ]
    return notes


def row_note(before: Row, after: Row) -> str:
    """How two rows of one name were measured otherwise; empty where they were not."""
    facts = (
        ("threads", str(before.threads), str(after.threads)),
        ("on", before.device, after.device),
        ("version", before.engine_version, after.engine_version),
    )
    return ", ".join(f"{what} {old}, then {new}" for what, old, new in facts if old != new)


def _value(machine: Mapping[str, Any], key: str) -> Any:
    value = machine.get(key)
    return sorted(value) if isinstance(value, list) else value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value) or "none"
    return "unknown" if value is None else str(value)
