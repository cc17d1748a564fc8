"""What is claimed of our server, and which of it does not hold."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.table import OPTIONAL, PEERS
from benchmarks.server.servers import AUTO, OURS
from benchmarks.server.turns import typical
from oxidizedvision.benchmark.report import Interval
from oxidizedvision.benchmark.statistics import ratio

Document = Mapping[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Floors:
    """How many times as many pictures we serve, at least.

    fastapi, others: with ONNX Runtime on both sides. auto: with the engine that is best here,
    against the best peer.
    """

    fastapi: float
    others: float
    auto: float


FLOORS = {
    "mobilenet_v2": Floors(fastapi=1.5, others=1.3, auto=2.0),
    # Almost all of its time is the engine's, which is the same on both sides: there 1.5 and 1.3
    # are not reached, and not claimed.
    "denoiser": Floors(fastapi=1.0, others=1.0, auto=2.0),
}
AIM_OF_AUTO = 3.0
OF_BARE = 0.95
MOST_EXTRA_US = 250.0
OF_PEAK = 0.9
MOST_REFUSAL_MS = 50.0
MOST_GROWTH, GROWTH_ALLOWED_MIB = 1.05, 4.0
"""Of memory, from the first half of the overload to the second."""
MOST_IDLE_MIB, MOST_READY_S = 80.0, 0.5


def broken_claims(document: Document) -> list[str]:
    """Every claim about the figures that are there that does not hold, in words."""
    broken = []
    for model in document["models"]:
        found: list[str] = []
        for keys, judged in _JUDGES.items():
            if all(key in model for key in keys):
                found += judged(model)
        broken += [f"{model['model']}: {claim}" for claim in found]
    return broken


def peer_rows(rows: Sequence[Row]) -> list[Row]:
    """Those of servers that are not ours."""
    return [row for row in rows if row["server"] in PEERS]


def row_of(rows: Sequence[Row], server: str) -> Row:
    """The row of a server."""
    return next(row for row in rows if row["server"] == server)


def best_peer(rows: Sequence[Row]) -> Row:
    """The peer that serves most."""
    return max(peer_rows(rows), key=lambda row: float(row["per_s"]))


def times(row: Row, other: Row) -> tuple[float, Interval]:
    """How many times as many a server serves as another, with the 95 % interval."""
    return ratio(row["windows_ms"], other["windows_ms"])


def share_of_bare(tensors: Row) -> tuple[float, Interval]:
    """What of the bare engine's throughput is left, with the 95 % interval."""
    return ratio(tensors["served_ms"], tensors["bare_ms"])


def extra_us(single: Row, echo: str = "echo_ms") -> tuple[float, Interval]:
    """What a call costs above the engine and an echo, with the 95 % interval."""
    both = [
        [engine + echoed for engine, echoed in zip(*pair, strict=True)]
        for pair in zip(single["engine_ms"], single[echo], strict=True)
    ]
    found, (low, high) = ratio(single["served_ms"], both)
    typical_us = typical(both) * 1000
    extra, least, most = (typical_us * (1 / share - 1) for share in (found, high, low))
    return extra, (least, most)


def growth(memory_mib: Sequence[float]) -> tuple[float, float]:
    """The most memory of the first half and of the second."""
    half = len(memory_mib) // 2
    return max(memory_mib[:half]), max(memory_mib[half:])


def _of_throughput(model: Document) -> list[str]:
    rows, floors = model["throughput"], FLOORS[model["model"]]
    here = {row["server"] for row in rows}
    broken = [f"{name} was not measured" for name in PEERS if name not in (*here, *OPTIONAL)]
    for row in peer_rows(rows):
        floor = floors.fastapi if row["server"] == "FastAPI" else floors.others
        broken += _too_few(rows, OURS, row, floor)
    if peer_rows(rows):
        broken += _too_few(rows, AUTO, best_peer(rows), floors.auto)
    return broken


def _too_few(rows: Sequence[Row], server: str, peer: Row, floor: float) -> list[str]:
    found, _ = times(row_of(rows, server), peer)
    words = f"{server} serves {found:.2f} times as many pictures as {peer['server']}"
    return [] if found >= floor else [f"{words}, wanted {floor}"]


def _of_steady(model: Document) -> list[str]:
    rows = model["steady"]["rows"]
    broken = []
    for server in (OURS, AUTO):
        own = row_of(rows, server)["p99_ms"]
        broken += [
            f"p99 of {server} is {own:.1f} ms, of {row['server']} {row['p99_ms']:.1f} ms"
            for row in peer_rows(rows)
            if own >= row["p99_ms"]
        ]
    return broken


def _of_tensors(model: Document) -> list[str]:
    broken = []
    share, _ = share_of_bare(model["tensors"])
    if share < OF_BARE:
        broken.append(f"binary tensors are at {share:.3f} of the bare engine, wanted {OF_BARE}")
    extra, _ = extra_us(model["single"])
    if extra > MOST_EXTRA_US:
        broken.append(
            f"a call takes {extra:.0f} µs above engine and echo, wanted at most {MOST_EXTRA_US:.0f}"
        )
    return broken


def _of_overload(model: Document) -> list[str]:
    found = model["overload"]
    deadline_s = found["deadline_s"]
    broken = []
    share = found["goodput_per_s"] / found["peak_per_s"]
    if share < OF_PEAK:
        broken.append(f"goodput under overload is {share:.2f} of the peak, wanted {OF_PEAK}")
    refused = found["refused_ms"]
    if refused is None:
        broken.append("nothing was refused under overload")
    elif refused["p99"] > MOST_REFUSAL_MS:
        broken.append(f"p99 of refusals is {refused['p99']:.1f} ms, wanted {MOST_REFUSAL_MS:.0f}")
    lost = found["wrong"] + found["unanswered"] + sum(found["errors"].values())
    if lost:
        broken.append(f"{lost} of {found['sent']} requests had no right answer under overload")
    if found["admitted_ms"] and found["admitted_ms"]["p99"] > deadline_s * 1000:
        broken.append(f"p99 of admitted requests is beyond the deadline of {deadline_s:.0f} s")
    first, second = growth(found["memory_mib"])
    if second > first * MOST_GROWTH + GROWTH_ALLOWED_MIB:
        broken.append(f"memory grows under overload, from {first:.0f} to {second:.0f} MiB")
    return broken


def _of_idle(model: Document) -> list[str]:
    own = next(row for row in model["idle"] if row["server"] not in PEERS)
    broken = []
    memory, ready = (statistics.median(own[key]) for key in ("resident_mib", "ready_s"))
    if memory > MOST_IDLE_MIB:
        broken.append(f"idle memory is {memory:.0f} MiB, wanted at most {MOST_IDLE_MIB:.0f}")
    if ready >= MOST_READY_S:
        broken.append(f"it is ready after {ready:.2f} s, wanted below {MOST_READY_S}")
    return broken


_JUDGES: Mapping[tuple[str, ...], Callable[[Document], list[str]]] = {
    ("throughput",): _of_throughput,
    ("steady",): _of_steady,
    ("tensors", "single"): _of_tensors,
    ("overload",): _of_overload,
    ("idle",): _of_idle,
}
"""What is judged by which figures."""
