"""Kills the verbs at random moments, and looks at what they leave: `make soak`.

A process that has imported everything forks a child for every run, which takes no time. Each
child is killed after a random time or before a random file-system step. Then everything that was
published must be whole, the registry must open with every entry in it, no lock may be held, the
same verb must succeed, and `gc` must leave nothing unfinished. At last many writers register at
once.

Exit codes: 0 nothing was lost; 2 usage; 3 something was; 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.soak.killing import Ended, Moment, run
from benchmarks.soak.life import VERBS, Attempt, Life
from benchmarks.soak.oracle import Memory, leftovers, problems
from benchmarks.soak.writers import lost_by_writers
from oxidizedvision.registry import collect_garbage

PRELOADED = (
    "torch",
    "torch.onnx",
    "onnx",
    "onnxruntime",
    "oxidizedvision.convert.main",
    "oxidizedvision.optimize",
    "oxidizedvision.package",
    "oxidizedvision.runners",
)


@dataclass
class Row:
    """What came of killing one verb.

    before, after: kills before and after what it is for had happened. ended: runs that were over
    before they could be killed. leftovers: unfinished files and folders found, together.
    """

    kills: int = 0
    before: int = 0
    after: int = 0
    ended: int = 0
    leftovers: int = 0
    failures: list[str] = field(default_factory=list)


class Soak:
    """A life, its verbs with what each run costs, and what was seen."""

    def __init__(self, root: Path, seed: int) -> None:
        self.life = Life(root)
        self.random = random.Random(seed)  # noqa: S311 - moments, no secrets
        self.costs: dict[str, Ended] = {}
        self.steps: dict[str, list[int]] = {}
        self.rows = {verb: Row() for verb in VERBS}
        self.log = root / "log.txt"

    def begin(self) -> None:
        """Do each verb once, and see what it costs."""
        self.life.begin()
        for verb in VERBS:
            attempt = self.life.attempt(verb)
            self.costs[verb] = run(attempt.work, log=self.log)
            if self.costs[verb].code != 0 or not attempt.took_effect():
                raise SystemExit(f"{verb} does not work even without being killed: see {self.log}")

    def kill(self, verb: str) -> None:
        """Kill a verb once, look, and let it run again; one that ends first is tried again."""
        moment = self.moment(verb)
        while not self.killed(verb, moment):
            self.rows[verb].ended += 1
            moment = self.step(verb)

    def killed(self, verb: str, moment: Moment) -> bool:
        """Try to kill a verb at a moment; gives whether that came before its end."""
        row = self.rows[verb]
        attempt, memory = self.life.attempt(verb), Memory.now()
        ended = run(attempt.work, moment, self.log)
        row.leftovers += len(leftovers(self.life))
        found = problems(self.life, memory, attempt)
        if ended.killed:
            effect = attempt.took_effect()
            row.kills += 1
            row.after += effect
            row.before += not effect
        elif ended.code != 0:
            found.append(f"it ended with {ended.code} by itself")
        found += self.again(attempt, memory)
        row.failures += [f"{verb}, {moment}: {problem}" for problem in found]
        return ended.killed

    def again(self, attempt: Attempt, memory: Memory) -> list[str]:
        """Run a killed verb to its end, and clear away what it left."""
        ended = run(attempt.work, log=self.log)
        found = [f"afterwards: {problem}" for problem in problems(self.life, memory, attempt)]
        if ended.code != 0:
            found.append(f"it cannot be run again: it ends with {ended.code}, see {self.log}")
        elif not attempt.took_effect():
            found.append("run again, it had no effect")
        collect_garbage()
        return found + [f"gc leaves {path.name}" for path in leftovers(self.life)]

    def moment(self, verb: str) -> Moment:
        """A random step, or a random time."""
        if self.random.random() < 0.5:
            return self.step(verb)
        return Moment(seconds=self.random.uniform(0.0, self.costs[verb].seconds))

    def step(self, verb: str) -> Moment:
        """A random step; none comes again before every other has come."""
        steps = self.steps.setdefault(verb, [])
        if not steps:
            steps.extend(range(1, self.costs[verb].steps + 1))
            self.random.shuffle(steps)
        return Moment(step=steps.pop())


def table(rows: dict[str, Row]) -> str:
    """One line a verb, and one for all."""
    head = ("verb", "kills", "before", "after", "ended first", "leftovers", "failures")
    lines = [
        (verb, row.kills, row.before, row.after, row.ended, row.leftovers, len(row.failures))
        for verb, row in rows.items()
    ]
    sums = tuple(sum(int(line[column]) for line in lines) for column in range(1, len(head)))
    widths = [max(len(name), 10) for name in head]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *lines, ("all", *sums))
    )


def tell(progress: str) -> None:
    """Show how far it is, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{progress}", end="", file=sys.stderr, flush=True)


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="how many (100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--writers", type=int, default=8, help="processes at once (8)")
    parser.add_argument("--registrations", type=int, default=200, help="of each writer (200)")
    parser.add_argument("--verbs", nargs="+", choices=list(VERBS), default=list(VERBS))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Soak in a folder that is gone in the end."""
    options = options_of(arguments)
    for module in PRELOADED:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-soak-") as name:
        root = Path(name)
        os.environ["OXIDIZEDVISION_HOME"] = str(root / "home")
        soak = Soak(root, options.seed)
        soak.begin()
        for index in range(options.kills):
            soak.kill(options.verbs[index % len(options.verbs)])
            tell(f"{index + 1} of {options.kills} kills")
        lost = lost_by_writers(root, options.writers, options.registrations)
    tell("\r")
    print(table(soak.rows))
    print(
        f"{options.writers} writers x {options.registrations} registrations: {len(lost)} lost "
        f"or failed; seed {options.seed}"
    )
    failures = [failure for row in soak.rows.values() for failure in row.failures] + lost
    for failure in failures[:50]:
        print(f"FAILED {failure}")
    return 3 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
