"""Three times as many pictures as our server can serve, and what it holds when idle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.server import ours
from benchmarks.server.process import Running
from benchmarks.server.servers import Server
from benchmarks.server.site import Case, Site, peak, picture_plan

TIMES = 3
_SAMPLE_S = 0.25


def overload(site: Site, case: Case, server: Server) -> dict[str, Any]:
    """Goodput against the peak just before, refusals, and memory from beginning to end."""
    scale = case.scale
    with server.start(site.core) as running:
        plan = picture_plan(site, case, server, running)
        seconds = scale.window_s * scale.windows
        before = peak(site, plan, running, seconds, warmup_s=seconds / 2)
        with _watched(running) as memory:
            report = site.generator.open(
                plan,
                running.port,
                TIMES * before,
                warmup_s=scale.window_s,
                seconds=scale.overload_s,
                deadline_s=ours.DEADLINE_S,
            )
    kept = ("sent", "by_status", "errors", "wrong", "unanswered", "waited_for_connection")
    return {
        "peak_per_s": before,
        "rate": TIMES * before,
        "deadline_s": ours.DEADLINE_S,
        **{key: report[key] for key in (*kept, "goodput_per_s", "admitted_ms", "refused_ms")},
        "memory_mib": memory,
    }


@contextmanager
def _watched(running: Running) -> Iterator[list[float]]:
    """Resident MiB every quarter of a second, as long as it lasts."""
    found: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_S):
            found.append(running.memory().resident)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def idle(site: Site, case: Case, server: Server) -> dict[str, Any]:
    """Start a server again and again: seconds until it is ready, and MiB once it rests."""
    ready, resident, proportional = [], [], []
    for _ in range(case.scale.starts):
        with server.start(site.core) as running:
            threading.Event().wait(case.scale.idle_s)
            memory = running.memory()
        ready.append(running.ready_s)
        resident.append(memory.resident)
        proportional.append(memory.proportional)
    return {
        "server": server.name,
        "ready_s": ready,
        "resident_mib": resident,
        "proportional_mib": proportional,
    }
