"""Whole processes: from exec to the result's file, and the most memory that they held."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# A process counts the memory of the one that started it until it is another program, so that a
# small one starts it. Its own output goes to standard error.
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
    file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(process, 0)
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


class StartError(Exception):
    """A process did not give a result."""


@dataclass
class Starts:
    """A command, and what its processes took, in the order of their starts."""

    name: str
    command: Sequence[str | Path]
    result: Path
    ms: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)

    def once(self, *, count: bool = True) -> None:
        """Start it and wait for its end.

        Raises:
            StartError: it failed, or wrote no result.
        """
        self.result.unlink(missing_ok=True)
        command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *map(str, self.command)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not self.result.is_file():
            why = done.stderr.strip().splitlines()[-1:]
            raise StartError(f"{self.name} gave no result: {' '.join(why)}")
        took, peak = map(float, done.stdout.split())
        if count:
            self.ms.append(took * 1000)
            self.peak_mib.append(peak / 1024)


def in_turns(starts: Sequence[Starts], rounds: int) -> None:
    """Every command once to warm the disk's cache, then all of them in each round."""
    for each in starts:
        each.once(count=False)
    for _ in range(rounds):
        for each in starts:
            each.once()
