"""Whether the benchmark can be trusted: `make bench-trust`.

The same engine twice must be `no significant difference`; one that was made a tenth slower must be
found, and never called faster. Each is tried many times, on the machine as it is and with other
work on it. Exit codes: 0 the claims hold; 2 usage; 3 a claim is broken; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.command import BROKEN, end, flags, own_folder, say
from benchmarks.trust.load import competing
from oxidizedvision.benchmark import BenchmarkOptions
from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.benchmark.plan import settings
from oxidizedvision.benchmark.sessions import WORKER
from oxidizedvision.benchmark.statistics import NO_DIFFERENCE
from oxidizedvision.benchmark.verb import measured
from oxidizedvision.config import Config
from oxidizedvision.convert import convert
from oxidizedvision.core.results import to_plain
from oxidizedvision.runners import availability
from oxidizedvision.runners.target import Target, resolve

RESULTS = Path(__file__).with_name("results.json")
README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- trust:start -->", "<!-- trust:end -->"
SLOW_WORKER = "benchmarks.trust.slow_worker"
SLOW = "a tenth slower"
ENGINES = ("ort", "rten", "tract", "openvino")
THREADS = 2
NETWORK = "torchvision.models:squeezenet1_1"
SHAPE = [1, 3, 112, 112]
LEAST_QUIET, LEAST_LOADED = 0.95, 0.80
PARTS = ("quiet", "loaded")
LOADED = "other work beside"


@dataclass
class Series:
    """Trials of one kind: what each was called, and the interval."""

    name: str
    wanted: str
    wrong: str
    least: float
    verdicts: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Of trials that were called what they are."""
        return self.verdicts[self.wanted] / max(1, sum(self.verdicts.values()))

    @property
    def holds(self) -> bool:
        """Whether the claim does."""
        return self.share >= self.least and not self.verdicts[self.wrong]


def main(words: list[str] | None = None) -> int:
    """Try, print, and give the exit code."""
    arguments = _parse(words)
    with own_folder("trust") as folder:
        target = _converted(folder)
        ready = [engine for engine in ENGINES if availability(engine).ready]
        series = [
            one
            for load in (False, True)
            if arguments.part in {None, PARTS[load]}
            for one in _pair(target, ready, arguments.trials, load)
        ]
    if arguments.write and arguments.part:
        series = _with_committed(series)
    table = _table(series)
    print(table)
    if arguments.write:
        _write(series, table)
    return 0 if all(one.holds for one in series) else BROKEN


def _with_committed(series: Sequence[Series]) -> list[Series]:
    """The series of the part that was tried, and the committed ones of the other."""
    if not RESULTS.exists():
        return list(series)
    before = json.loads(RESULTS.read_text(encoding="utf-8"))
    mine = fingerprint()
    if any(before["machine"][key] != mine[key] for key in ("cpu", "flags", "versions")):
        raise SystemExit("The committed trials were made on another machine: leave --part out.")
    new = {one.name: one for one in series}
    rest = [
        Series(**{**row, "verdicts": Counter(row["verdicts"])})
        for row in before["series"]
        if row["name"] not in new
    ]
    return sorted((*rest, *series), key=lambda one: LOADED in one.name)


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = flags(__doc__)
    parser.add_argument("--trials", type=int, default=40, help="of each kind")
    parser.add_argument("--part", choices=PARTS, help="only without or with other work beside")
    return parser.parse_args(words)


def _converted(folder: Path) -> Target:
    config = Config.model_validate(
        {
            "model": {"path": NETWORK, "input_shape": SHAPE, "init_args": {"weights": None}},
            "export": {"output_dir": str(folder / "out"), "model_name": "network"},
        }
    )
    return resolve(convert(config).manifest)


def _pair(target: Target, ready: Sequence[str], trials: int, load: bool) -> tuple[Series, Series]:
    """The same twice and a tenth slower, with other work on the machine or without."""
    where = LOADED if load else "as it is"
    same = Series(f"the same twice, {where}", NO_DIFFERENCE, "", LEAST_QUIET)
    slow = Series(f"{SLOW}, {where}", "slower", "faster", LEAST_LOADED if load else LEAST_QUIET)
    for number in range(trials):
        beside: AbstractContextManager[None] = competing(number) if load else nullcontext()
        with beside:
            _trial(target, ready[number % len(ready)], {"again": same, SLOW: slow})
        say(f"{where}: {dict(same.verdicts)}, {SLOW}: {dict(slow.verdicts)}")
    return same, slow


def _trial(target: Target, engine: str, series: Mapping[str, Series]) -> None:
    """A benchmark of an engine and its variants; each row is a trial of one series."""
    start = time.monotonic()
    variants = [Candidate(engine, THREADS, 1, variant=variant) for variant in ("", *series)]
    report = measured(
        target,
        variants,
        settings(BenchmarkOptions(), None),
        worker_of=lambda candidate: SLOW_WORKER if candidate.variant == SLOW else WORKER,
    )
    if len(report.results) != len(variants):
        raise SystemExit(f"{engine} cannot be measured: {report.failures or report.unavailable}")
    seconds = round(time.monotonic() - start, 1)
    for row, one in zip(report.results[1:], series.values(), strict=True):
        assert row.versus is not None  # noqa: S101 - the reference is the first row
        one.verdicts[row.versus.verdict] += 1
        one.rows.append(
            {
                "engine": engine,
                "speedup": round(row.versus.speedup, 4),
                "interval": [round(end, 4) for end in row.versus.interval],
                "verdict": row.versus.verdict,
                "processes": row.processes,
                "disturbed": row.disturbed and round(row.disturbed, 3),
                "seconds": seconds,
            }
        )


def _table(series: Sequence[Series]) -> str:
    lines = [
        "| what | trials | right | wrong direction | wanted | half width, median |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in series:
        halves = sorted((row["interval"][1] - row["interval"][0]) / 2 for row in one.rows)
        lines.append(
            f"| {one.name} | {len(one.rows)} | {one.share:.1%} | {one.verdicts[one.wrong]} | "
            f"at least {one.least:.0%}{'' if one.holds else ': NOT KEPT'} | "
            f"{halves[len(halves) // 2]:.1%} |"
        )
    return "\n".join(lines)


def _write(series: Sequence[Series], table: str) -> None:
    RESULTS.write_text(json.dumps(_document(series), indent=1) + "\n", encoding="utf-8")
    before, rest = README.read_text(encoding="utf-8").split(START, 1)
    _, after = rest.split(END, 1)
    README.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


def _document(series: Sequence[Series]) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(series)
    return {"schema_version": 1, "machine": fingerprint(), "series": plain}


if __name__ == "__main__":
    end(main)
