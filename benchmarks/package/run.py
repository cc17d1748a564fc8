"""Executables beside Python processes, from exec to the first result: `make bench-package`.

MobileNetV2 and one photograph: whole processes, in turns, and the most memory that each held.
`--levers` also builds the program in other ways, which takes minutes each, and packages smaller
weights. Exit codes: 0 every claim holds; 1 a process failed; 3 a claim is broken; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.command import end, flags, own_folder, say, told
from benchmarks.package import report
from benchmarks.package.claims import broken_claims
from benchmarks.package.levers import levers
from benchmarks.package.starts import StartError, Starts, in_turns
from benchmarks.server.subjects import Subject, photographs, subject
from oxidizedvision import package
from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.package.prebuilt import BUILD, ENGINES, prebuilt_for

PEERS = Path(__file__).with_name("peers.py")
TITLES = {
    "rten": "the executable with rten",
    "tract": "the executable with tract",
    "onnxruntime": "Python, ONNX Runtime",
    "torch": "Python, PyTorch (TorchScript)",
}
_ROUNDS, _QUICK_ROUNDS = 15, 3


def main(words: list[str] | None = None) -> int:
    """Measure, print, and give the exit code."""
    arguments = _parse(words)
    rounds = _QUICK_ROUNDS if arguments.quick else _ROUNDS
    try:
        with own_folder("package") as folder:
            document = _measured(folder, rounds, with_levers=arguments.levers)
    except StartError as error:
        say(f"error: {error}")
        return 1
    if arguments.write:
        report.write(document)
    print(report.markdown(document))
    return told(broken_claims(document))


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = flags(__doc__)
    parser.add_argument("--quick", action="store_true", help="a try: its figures say little")
    parser.add_argument("--levers", action="store_true", help="also what each way to build gives")
    arguments = parser.parse_args(words)
    if arguments.write and arguments.quick:
        parser.error("--write is for figures that count: leave --quick out")
    return arguments


def _measured(folder: Path, rounds: int, *, with_levers: bool) -> dict[str, Any]:
    say("converting MobileNetV2")
    model = subject("mobilenet_v2", folder / "mobilenet_v2")
    photograph = photographs(folder / "pictures")[0]
    programs = [_made(model, engine, folder) for engine in ENGINES]
    starts = [*_ours(programs, photograph, folder), *_peers(model, photograph, folder)]
    say(f"starting {len(starts)} programs in {rounds} rounds")
    in_turns(starts, rounds)
    _check_agree(starts)
    document = {
        "schema_version": 1,
        "machine": fingerprint(),
        "programs": [{k: v for k, v in row.items() if k != "path"} for row in programs],
        "starts": [_row(each) for each in starts],
    }
    if with_levers:
        document["levers"] = list(levers(model, photograph, folder, rounds))
    return document


def _made(model: Subject, engine: str, folder: Path) -> dict[str, Any]:
    prebuilt = prebuilt_for(engine)
    profile = json.loads(prebuilt.program.with_name(BUILD).read_text())[engine]["profile"]
    start = time.monotonic()
    made = package(model.model, kind="executable", engine=engine, output=folder / engine)
    return {
        "engine": engine,
        "profile": profile,
        "bytes": prebuilt.program.stat().st_size,
        "making_s": time.monotonic() - start,
        "path": made.path,
    }


def _ours(programs: list[dict[str, Any]], photograph: Path, folder: Path) -> Iterator[Starts]:
    for row in programs:
        result = folder / f"{row['engine']}.json"
        yield Starts(row["engine"], [row["path"], photograph, result], result)


def _peers(model: Subject, photograph: Path, folder: Path) -> Iterator[Starts]:
    for name, file in (("onnxruntime", model.model), ("torch", model.model.with_suffix(".pt"))):
        result = folder / f"{name}.json"
        yield Starts(name, [sys.executable, PEERS, name, file, photograph, result], result)


def _check_agree(starts: list[Starts]) -> None:
    """All of them must have found the same class: a fast wrong answer is none."""
    best = {each.name: _best(each.result) for each in starts}
    if len(set(best.values())) != 1:
        raise StartError(f"they found different classes: {best}")


def _best(result: Path) -> int:
    document = json.loads(result.read_text(encoding="utf-8"))
    first = document["classes"][0]
    return int(first["class_id"] if isinstance(first, dict) else first)


def _row(each: Starts) -> dict[str, Any]:
    ordered = sorted(each.ms)
    return {
        "name": each.name,
        "title": TITLES[each.name],
        "ms": statistics.median(ordered),
        "low_ms": ordered[0],
        "high_ms": ordered[-1],
        "peak_mib": statistics.median(each.peak_mib),
    }


if __name__ == "__main__":
    end(main)
