"""The tables of the server's figures, and what is committed of them."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.grid.report import machine_text
from benchmarks.peers.table import PEERS
from benchmarks.server import claims
from benchmarks.server.claims import AUTO, OURS, Row, row_of
from benchmarks.server.tuning import best, settings_of
from benchmarks.server.turns import typical
from oxidizedvision.benchmark.machine import fingerprint

RESULTS = Path(__file__).with_name("results.json")
README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- server:start -->", "<!-- server:end -->"

Document = Mapping[str, Any]


def markdown(document: Document) -> str:
    """Every table for which there are figures, model by model."""
    parts = []
    for model in document["models"]:
        parts.append(f"### {model['model']}")
        parts += [table(model) for key, table in _TABLES.items() if key in model]
    return "\n\n".join(parts)


def _pictures(model: Document) -> str:
    rows = model["throughput"]
    settings = {row["server"]: str(settings_of(row)) for row in best(model["tuning"])}
    auto = model["auto"]
    settings[AUTO] = f"{auto['engine']}, {auto['precision'].upper()}"
    titles = (f"{OURS}: times as many", f"{AUTO}: times as many")
    lines = _header("server", "setting", "pictures a second", *titles)
    for row in rows:
        name = row["server"]
        both = (_times(rows, OURS, row), _times(rows, AUTO, row))
        lines.append(_row(name, settings.get(name, ""), f"{row['per_s']:.1f}", *both))
    missing = [f"{row['server']} was left out: {row['reason']}" for row in model["missing"]]
    return "\n".join([*lines, *(["", *missing] if missing else [])])


def _late(model: Document) -> str:
    steady = model["steady"]
    lines = _header(f"at {steady['rate']:.3g} pictures a second", "p50, ms", "p99, ms")
    for row in steady["rows"]:
        lines.append(_row(row["server"], f"{row['p50_ms']:.1f}", f"{row['p99_ms']:.1f}"))
    return "\n".join(lines)


def _times(rows: Sequence[Row], server: str, row: Row) -> str:
    if row["server"] not in PEERS:
        return ""
    found, interval = claims.times(row_of(rows, server), row)
    return f"{found:.2f} {_interval(interval, '.2f')}"


def _tensors(model: Document) -> str:
    tensors, single = model["tensors"], model["single"]
    share, interval = claims.share_of_bare(tensors)
    per_s = 1000 / typical(tensors["served_ms"])
    lines = _header("binary tensors", "")
    lines.append(
        _row(
            f"throughput, of the bare engine's ({tensors['bare']})",
            f"{share:.3f} {_interval(interval, '.3f')}, {per_s:.1f} a second",
        )
    )
    medians = [
        f"{key.removesuffix('_ms').replace('_', ' ')} {typical(single[key]):.2f} ms"
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


def _idle(model: Document) -> str:
    columns = ("ready after, s", "resident, MiB", "proportional, MiB")
    lines = _header("idle", *columns)
    for row in model["idle"]:
        figures = (
            statistics.median(row[key]) for key in ("ready_s", "resident_mib", "proportional_mib")
        )
        ready, resident, proportional = figures
        lines.append(_row(row["server"], f"{ready:.2f}", f"{resident:.0f}", f"{proportional:.0f}"))
    return "\n".join(lines)


_TABLES: Mapping[str, Callable[[Document], str]] = {
    "throughput": _pictures,
    "steady": _late,
    "tensors": _tensors,
    "overload": _overload,
    "idle": _idle,
}


def _interval(ends: tuple[float, float], form: str) -> str:
    return f"({ends[0]:{form}} to {ends[1]:{form}})"


def _header(*cells: str) -> list[str]:
    return [_row(*cells), _row(*(["---"] * len(cells)))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def committed() -> dict[str, Row] | None:
    """The committed figures of every model, as far as there are any; None: of another machine."""
    if not RESULTS.exists():
        return {}
    document = json.loads(RESULTS.read_text(encoding="utf-8"))
    mine = fingerprint()
    if any(document["machine"][key] != mine[key] for key in ("cpu", "flags", "versions")):
        return None
    return {model["model"]: model for model in document["models"]}


def write(document: Document) -> None:
    """Replace the committed results and the tables of benchmarks/README.md."""
    kept = json.dumps(rounded(document), separators=(", ", ": "))
    # A line for each row, so that a later run's changes can be read.
    RESULTS.write_text(re.sub(r'(\{"server"|\{"model")', r"\n\1", kept) + "\n", encoding="utf-8")
    page = README.read_text(encoding="utf-8")
    before, rest = page.split(START, 1)
    _, after = rest.split(END, 1)
    seconds = sum(sum(model["seconds"].values()) for model in document["models"])
    about = machine_text({**document, "seconds": seconds})
    written = f"{about}\n\n{markdown(document)}"
    README.write_text(f"{before}{START}\n{written}\n{END}{after}", encoding="utf-8")


def rounded(value: Any) -> Any:
    """The same with five digits of every float."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, (list, tuple)) else value
