"""The report as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

UNITS = {"ratio": "×", "microseconds": "µs"}
LAYERS = {"bare": "engine bare", "rust": "Rust", "python": "Python"}


def render(document: dict[str, Any]) -> str:
    """Machine, speed, memory and verdict as Markdown."""
    machine = document["machine"]
    flags = " ".join(machine["flags"]) or "none of interest"
    lines = [f"{machine['cpu']}, {machine['threads_granted']} threads granted, flags {flags}", ""]
    lines += [*speed_table(document["engines"]), "", *memory_table(document["engines"]), ""]
    lines += [f"{row['engine']}: not measured: {row['hint']}" for row in document["unavailable"]]
    lines += [f"{row['engine']}: failed: {row['message']}" for row in document["failures"]]
    lines.append("every bound holds" if document["passed"] else "a bound is broken, see above")
    return "\n".join(lines)


def speed_table(engines: list[dict[str, Any]]) -> list[str]:
    """One line for each comparison."""
    rows = [
        "| engine | sides | model | ours (µs) | beside (µs) | median | 95 % | bound | holds |",
        "| --- | --- | --- | ---: | ---: | ---: | --- | ---: | --- |",
    ]
    for engine in engines:
        for row in engine["speed"]:
            unit = UNITS[row["measure"]]
            clock = " (processor)" if row["clock"] == "processor" else ""
            digits = 3 if row["measure"] == "ratio" else 1
            low, median, high = (f"{row[key]:.{digits}f}" for key in ("low", "median", "high"))
            name = f"{engine['engine']} {engine['engine_version']}"
            rows.append(
                f"| {name} | {row['sides']} | {row['model']} | {row['second_us']:.1f} | "
                f"{row['first_us']:.1f} | {median} {unit}{clock} | {low} to {high} | "
                f"{row['bound']:g} {unit} | {_yes(row['passed'])} |"
            )
    return rows


def memory_table(engines: list[dict[str, Any]]) -> list[str]:
    """One line for each habit of each layer."""
    rows = [
        "| engine | layer | what | start (MiB) | end (MiB) | holds |",
        "| --- | --- | --- | ---: | ---: | --- |",
    ]
    for engine in engines:
        for row in engine["memory"]:
            what = {"runs": "runs of", "cycles": "loads and drops of"}[row["habit"]]
            rows.append(
                f"| {engine['engine']} | {LAYERS[row['layer']]} | "
                f"{row['count']:,} {what} {row['model']} | {row['start_mib']:.1f} | "
                f"{row['end_mib']:.1f} | {_kept(row)} |"
            )
    return rows


def broken(engines: list[dict[str, Any]]) -> Iterator[str]:
    """What does not hold, one line each."""
    for engine in engines:
        name = engine["engine"]
        for row in engine["speed"]:
            if not row["passed"]:
                yield f"{name}: {row['sides']} on {row['model']} may be {row['high']:.3f}"
        for row in engine["memory"]:
            if not row["passed"] and row["layer"] != "bare":
                yield f"{name}: {row['layer']} grows with {row['habit']} of {row['model']}"


def _kept(row: dict[str, Any]) -> str:
    """What the bare engine keeps is shown, so that a leak has its owner, and breaks no bound."""
    own = row["layer"] == "bare" and not row["passed"]
    return "no: the engine's own" if own else _yes(row["passed"])


def _yes(passed: bool) -> str:
    return "yes" if passed else "NO"
