"""The zoo's table, its file of results, and what is claimed of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import Any

from benchmarks.zoo.measure import Outcome

START = "<!-- zoo:start -->"
END = "<!-- zoo:end -->"
SCHEMA_VERSION = 1

ARCHITECTURES, IN_RUST, PATHS = 25, 20, 0.95
"""Fewest architectures that `ort` runs, fewest that tract or rten runs, and the smallest share of
nodes that carry the path of their module."""

REFERENCE, RUST = "ort", ("tract", "rten")
TRAINED = "trained"
_COLUMNS = (
    *("network", "family", "route", "opset", "engines"),
    *("worst error", "nodes with a path", "seconds"),
)
_PACKAGES = ("torch", "torchvision", "timm", "onnx")


def document(outcomes: Sequence[Outcome], engines: Mapping[str, str]) -> dict[str, Any]:
    """The results as plain values. engines: versions by name."""
    return {
        "schema_version": SCHEMA_VERSION,
        "versions": {name: metadata.version(name) for name in _PACKAGES} | dict(engines),
        "networks": {outcome.name: _plain(outcome) for outcome in outcomes},
    }


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "family": outcome.family,
        "route": outcome.route,
        "opset": outcome.opset,
        "engines": {
            name: float(f"{error:.1e}") if math.isfinite(error) else None
            for name, error in outcome.engines.items()
        },
        "reasons": dict(outcome.reasons),
        "tolerance": float(f"{outcome.tolerance:.1e}"),
        "nodes": outcome.nodes,
        "nodes_with_path": outcome.traced,
        "seconds": round(outcome.seconds, 1),
        "failure": outcome.failure,
        "notes": list(outcome.notes),
    }


def faults(outcomes: Sequence[Outcome]) -> list[str]:
    """What keeps single networks from passing."""
    found = [f"{o.name}: not exported: {o.failure}" for o in outcomes if o.failure]
    found += [
        f"{o.name}: {REFERENCE} does not run it: {o.reasons.get(REFERENCE, 'it was not asked')}"
        for o in outcomes
        if not o.failure and REFERENCE not in o.working
    ]
    return found


def broken_claims(outcomes: Sequence[Outcome]) -> list[str]:
    """The claims about the whole zoo that do not hold."""
    architectures = [o for o in outcomes if o.family != TRAINED and REFERENCE in o.working]
    in_rust = [o for o in architectures if not set(RUST).isdisjoint(o.working)]
    share = path_share(outcomes)
    claims = [
        (
            len(architectures) >= ARCHITECTURES,
            f"{len(architectures)} architectures pass, {ARCHITECTURES} are claimed",
        ),
        (
            len(in_rust) >= IN_RUST,
            f"{len(in_rust)} run in {' or '.join(RUST)}, {IN_RUST} are claimed",
        ),
        (share >= PATHS, f"{share:.1%} of the nodes carry a path, {PATHS:.0%} are claimed"),
    ]
    return [text for held, text in claims if not held]


def path_share(outcomes: Sequence[Outcome]) -> float:
    """The share of all nodes that carry the path of their module."""
    nodes = sum(outcome.nodes for outcome in outcomes)
    return sum(outcome.traced for outcome in outcomes) / nodes if nodes else 0.0


def worse(outcomes: Sequence[Outcome], before: Mapping[str, Any]) -> list[str]:
    """Engines that ran a network when the results were committed, and do not now."""
    lost = []
    for outcome in outcomes:
        row = before["networks"].get(outcome.name)
        kept = _working(row) if row else []
        lost += [
            f"{name} ran {outcome.name}: {outcome.reasons.get(name, '')}"
            for name in outcome.engines
            if name in kept and name not in outcome.working
        ]
    return lost


def markdown(results: Mapping[str, Any]) -> str:
    """The table, and below it which engine does not run which network and why."""
    networks = results["networks"].items()
    return "\n".join([*_table(results), "", *_summary(results), "", *_refusals(networks)]).rstrip()


def _table(results: Mapping[str, Any]) -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{' --- |' * len(_COLUMNS)}"
    for name, row in results["networks"].items():
        if row["failure"]:
            cells = [name, row["family"], "not exported", *[""] * 5]
            yield f"| {' | '.join(cells)} |"
            continue
        errors = [row["engines"][engine] for engine in _working(row)]
        cells = [
            name,
            row["family"],
            row["route"],
            str(row["opset"]),
            _engines(row),
            f"{max(errors):.1e}" if errors else "",
            f"{row['nodes_with_path']} of {row['nodes']}",
            f"{row['seconds']:.0f}",
        ]
        yield f"| {' | '.join(cells)} |"


def _working(row: Mapping[str, Any]) -> list[str]:
    allowed = row["tolerance"]
    return [n for n, error in row["engines"].items() if error is not None and error <= allowed]


def _engines(row: Mapping[str, Any]) -> str:
    lacking = [name for name in row["engines"] if name not in _working(row)]
    if not lacking:
        return f"all {len(row['engines'])}"
    return f"all but {', '.join(lacking)}"


def _summary(results: Mapping[str, Any]) -> Iterator[str]:
    rows = [row for row in results["networks"].values() if row["family"] != TRAINED]
    counts = {
        name: sum(name in _working(row) for row in rows)
        for name in dict.fromkeys(name for row in rows for name in row["engines"])
    }
    listed = ", ".join(f"{name} {count}" for name, count in counts.items())
    yield f"Of {len(rows)} architectures each engine runs so many: {listed}."
    every = list(results["networks"].values())
    nodes, traced = (sum(row[key] for row in every) for key in ("nodes", "nodes_with_path"))
    if nodes:
        yield f"{traced} of {nodes} nodes carry the path of their module ({traced / nodes:.1%})."


def _refusals(networks: Any) -> Iterator[str]:
    for name, row in networks:
        if row["failure"]:
            yield f"- {name}: {_one_line(row['failure'])}"
        for engine, reason in row["reasons"].items():
            yield f"- {name} in {engine}: {_one_line(reason)}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:199]}…"


def placed(page: str, table: str) -> str:
    """The page with the table between its two marks."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table}\n{END}{after}"
