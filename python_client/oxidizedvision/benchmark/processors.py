"""Which processors a measured process may use."""

from __future__ import annotations

import os
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")


def processors_for(threads: int) -> tuple[int, ...]:
    """So many of the processors that this process may use, from the last one on.

    One of each core before any core's second, since two threads of one core share its units; the
    first processors are left free where possible, since interrupts go there. Empty, which means
    all, where the system cannot say, or where more are wanted than there are.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    granted = sorted(os.sched_getaffinity(0), reverse=True)
    if threads >= len(granted):
        return ()
    return choose(threads, {processor: _core(processor) for processor in granted})


def choose(threads: int, core_of: dict[int, str]) -> tuple[int, ...]:
    """Processors by preference: one of each core, then the cores' others."""
    seen: dict[str, int] = {}
    ranked = []
    for order, (processor, core) in enumerate(core_of.items()):
        ranked.append((seen.setdefault(core, 0), order, processor))
        seen[core] += 1
    return tuple(sorted(processor for _, _, processor in sorted(ranked)[:threads]))


def _core(processor: int) -> str:
    try:
        return (_TOPOLOGY / f"cpu{processor}/topology/thread_siblings_list").read_text("ascii")
    except OSError:
        return str(processor)
