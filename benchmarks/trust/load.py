"""Other work on the machine: a process for each processor that computes and pauses by chance."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

PHASE_S = (0.02, 0.5)
"""Shortest and longest phase; computing and pausing take turns."""


@contextmanager
def competing(seed: int) -> Iterator[None]:
    """Run the other work meanwhile."""
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_work, args=(seed + number, os.getpid()), daemon=True)
        for number in range(os.cpu_count() or 1)
    ]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _work(seed: int, parent: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    while os.getppid() == parent:  # it outlives nobody
        end = time.perf_counter() + chance.uniform(*PHASE_S)
        while time.perf_counter() < end:
            pass
        time.sleep(chance.uniform(*PHASE_S))
