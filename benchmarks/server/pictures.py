"""Pictures to every server: how many it serves, and how late answers are at one common rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.server.generator import refuse_failures
from benchmarks.server.process import Running
from benchmarks.server.servers import Server
from benchmarks.server.site import Case, Site, peak, picture_plan
from benchmarks.server.turns import Contender, in_turns, picked, typical

SHARE_OF_PEAK = 0.8


@dataclass(frozen=True)
class Served:
    """A server that runs, and the plan of what it is asked."""

    running: Running
    plan: Path


def throughput(site: Site, case: Case, servers: Sequence[Server]) -> list[dict[str, Any]]:
    """By server: milliseconds for each picture in every window, as many as it can serve."""
    scale = case.scale

    def measured(served: Served) -> float:
        seconds = scale.window_s
        with served.running.awake():
            return peak(site, served.plan, served.running, seconds, warmup_s=scale.warmup_s)

    contenders = _contenders(site, case, servers, measured)
    samples = in_turns(contenders, scale.rounds, scale.windows, warm=scale.warm)
    rows = []
    for server in servers:
        windows = picked(samples[server.name], lambda per_s: 1000 / per_s)
        per_s = 1000 / typical(windows)
        rows.append({"server": server.name, "per_s": per_s, "windows_ms": windows})
    return rows


def steady(site: Site, case: Case, servers: Sequence[Server], rate: float) -> dict[str, Any]:
    """By server: the 99th percentile of every window of an open loop, at the same rate for all.

    In each window requests come to all at the same moments.
    """
    scale = case.scale
    seeds: Counter[str] = Counter()

    def measured(served: Served) -> dict[str, Any]:
        seeds[served.running.name] += 1
        with served.running.awake():
            report = site.generator.open(
                served.plan,
                served.running.port,
                rate,
                warmup_s=scale.warmup_s,
                seconds=scale.steady_s,
                seed=seeds[served.running.name],
            )
        return refuse_failures(served.running.name, report)

    contenders = _contenders(site, case, servers, measured)
    samples = in_turns(contenders, scale.rounds, scale.late_windows, warm=scale.warm)
    rows = []
    for server in servers:
        windows = picked(samples[server.name], lambda report: report["admitted_ms"]["p99"])
        middle = picked(samples[server.name], lambda report: report["admitted_ms"]["p50"])
        lag = picked(samples[server.name], lambda report: report["send_lag_ms"]["p99"])
        rows.append(
            {
                "server": server.name,
                "p50_ms": typical(middle),
                "p99_ms": typical(windows),
                "windows_ms": windows,
                "send_lag_p99_ms": typical(lag),
            }
        )
    return {"rate": rate, "rows": rows}


def _contenders(
    site: Site, case: Case, servers: Sequence[Server], measured: Callable[[Served], Any]
) -> list[Contender]:
    def starter(server: Server) -> Callable[[], AbstractContextManager[Served]]:
        return lambda: _started(site, case, server)

    return [Contender(server.name, starter(server), measured) for server in servers]


@contextmanager
def _started(site: Site, case: Case, server: Server) -> Iterator[Served]:
    with server.start(site.core) as running:
        plan = picture_plan(site, case, server, running)
        running.pause()
        yield Served(running, plan)
