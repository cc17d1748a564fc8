"""The tables of the server's figures, and what is committed of them."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.grid.report import machine_text
from benchmarks.peers.table import PEERS
from benchmarks.server import claims
from benchmarks.server.claims import AUTO, OURS, Row, broken_claims, peer_rows, row_of

__all__ = ["broken_claims", "markdown", "write"]

RESULTS = Path(__file__).with_name("results.json")
README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- server:start -->", "<!-- server:end -->"

Document = Mapping[str, Any]


def markdown(document: Document) -> str:
    """Every table, model by model."""
    parts = []
    for model in document["models"]:
        parts += [f"### {model['model']}", _pictures(model), _tensors(model), _overload(model)]
    if document["idle"]:
        parts.append(_idle(document))
    return "\n\n".join(parts)


def _pictures(model: Document) -> str:
    rows, steady = model["throughput"], model["steady"]
    settings = {row["server"]: row["setting"] for row in _best(model["tuning"])}
    lines = _header(
        "server",
        "setting",
        "pictures a second",
        f"{OURS}: times as many",
        f"{AUTO}: times as many",
        f"p50 at {steady['rate']:.3g} a second, ms",
        "p99, ms",
    )
    for row in rows:
        late = row_of(steady["rows"], row["server"])
        setting = settings.get(row["server"], model["auto"] if row["server"] == AUTO else "")
        lines.append(
            _row(
                row["server"],
                setting,
                f"{row['per_s']:.1f}",
                _times(rows, OURS, row),
                _times(rows, AUTO, row),
                f"{late['p50_ms']:.1f}",
                f"{late['p99_ms']:.1f}",
            )
        )
    missing = [f"{row['server']} was left out: {row['reason']}" for row in model["missing"]]
    return "\n".join([*lines, *(["", *missing] if missing else [])])


def _best(tuning: Sequence[Row]) -> list[Row]:
    names = dict.fromkeys(row["server"] for row in tuning)
    return [
        max((row for row in tuning if row["server"] == name), key=lambda row: float(row["per_s"]))
        for name in names
    ]


def _times(rows: Sequence[Row], server: str, row: Row) -> str:
    if row["server"] not in PEERS:
        return ""
    found, interval = claims.times(row_of(rows, server), row)
    return f"{found:.2f} {_interval(interval, '.2f')}"


def _tensors(model: Document) -> str:
    tensors, single = model["tensors"], model["single"]
    share, interval = claims.share_of_bare(tensors)
    per_s = 1000 / statistics.median(sum(tensors["served_ms"], []))
    lines = _header("binary tensors", "")
    lines.append(
        _row(
            f"throughput, of the bare engine's ({tensors['bare']})",
            f"{share:.3f} {_interval(interval, '.3f')}, {per_s:.1f} a second",
        )
    )
    medians = [
        f"{key.removesuffix('_ms').replace('_', ' ')} {_median_ms(single[key]):.2f} ms"
        for key in ("served_ms", "engine_ms", "echo_ms", "full_echo_ms")
    ]
    lines.append(_row("one client, p50", ", ".join(medians)))
    for key, words in (
        ("echo_ms", f"an echo that gives {single['reply_bytes']} bytes back"),
        ("full_echo_ms", "an echo that gives all back"),
    ):
        extra, ends = claims.extra_us(single, key)
        cost = f"{extra:.0f} {_interval(ends, '.0f')} µs"
        lines.append(_row(f"above the engine and {words}", cost))
    return "\n".join(lines)


def _median_ms(windows: Sequence[Sequence[float]]) -> float:
    return statistics.median([value for each in windows for value in each])


def _overload(model: Document) -> str:
    found = model["overload"]
    first, second = claims.growth(found["memory_mib"])
    refused, admitted = found["refused_ms"], found["admitted_ms"]
    lines = _header("three times as many as it can serve", "")
    lines += [
        _row("asked, a second", f"{found['rate']:.0f}, the peak being {found['peak_per_s']:.1f}"),
        _row("goodput, of the peak", f"{found['goodput_per_s'] / found['peak_per_s']:.2f}"),
        _row("admitted, p50 and p99", _quantiles(admitted)),
        _row("refused, p50 and p99", _quantiles(refused)),
        _row("resident memory, first and second half", f"{first:.0f} and {second:.0f} MiB"),
    ]
    return "\n".join(lines)


def _quantiles(latency: Row | None) -> str:
    if latency is None:
        return "none"
    return f"{latency['p50']:.1f} and {latency['p99']:.1f} ms, {latency['count']} in all"


def _idle(document: Document) -> str:
    columns = ("ready after, s", "resident, MiB", "proportional, MiB")
    lines = _header("idle, with MobileNetV2", *columns)
    for row in document["idle"]:
        figures = (
            statistics.median(row[key]) for key in ("ready_s", "resident_mib", "proportional_mib")
        )
        ready, resident, proportional = figures
        lines.append(
            _row(row["server"], f"{ready:.2f}", f"{resident:.0f}", f"{proportional:.0f}")
        )
    return "\n".join(lines)


def _interval(ends: tuple[float, float], form: str) -> str:
    return f"({ends[0]:{form}} to {ends[1]:{form}})"


def _header(*cells: str) -> list[str]:
    return [_row(*cells), _row(*(["---"] * len(cells)))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def write(document: Document) -> None:
    """Replace the committed results and the tables of benchmarks/README.md."""
    kept = json.dumps(_rounded(document), separators=(", ", ": "))
    # A line for each row, so that a later run's changes can be read.
    RESULTS.write_text(re.sub(r'(\{"server"|\{"model")', r"\n\1", kept) + "\n", encoding="utf-8")
    page = README.read_text(encoding="utf-8")
    before, rest = page.split(START, 1)
    _, after = rest.split(END, 1)
    written = f"{machine_text(document)}\n\n{markdown(document)}"
    README.write_text(f"{before}{START}\n{written}\n{END}{after}", encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, (list, tuple)) else value
