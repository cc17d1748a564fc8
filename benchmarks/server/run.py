"""Our server beside others: `make bench-server`.

The server and the load generator have a core each; docs/benchmarks.md tells how it is measured.
Exit codes: 0 every claim holds; 1 a server or the load failed; 2 usage, or too few processors;
3 a claim is broken; 4 a peer cannot be had; 130 interrupted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import add_names, end, flags, own_folder, say, told
from benchmarks.peers.environment import InstallError
from benchmarks.peers.table import Setting
from benchmarks.server import ours, report
from benchmarks.server.answers import AnswerError
from benchmarks.server.building import BuildError
from benchmarks.server.claims import broken_claims
from benchmarks.server.generator import Generator, LoadError
from benchmarks.server.parts import PARTS, Bench, PartError, check_needs
from benchmarks.server.process import ServerError
from benchmarks.server.scale import FULL, QUICK
from benchmarks.server.site import Case, MachineError, Site, cores
from benchmarks.server.subjects import NAMES, photographs, smaller, subject
from benchmarks.server.tuning import PeerError
from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.benchmark.session import pinned

_CODES = {MachineError: 2, PartError: 2, PeerError: 4, InstallError: 4}
_FAULTS = (AnswerError, BuildError, LoadError, ServerError, *_CODES)


def main(words: list[str] | None = None) -> int:
    """Measure, print, and give the exit code."""
    arguments = _parse(words)
    committed = report.committed()
    if committed is None and arguments.write and (arguments.part or arguments.model):
        say("error: the committed figures are another machine's: leave --part and --model out")
        return _CODES[PartError]
    known = committed or {}
    failed: list[Exception] = []
    try:
        with own_folder("server") as folder:
            models = _figures(folder, arguments, known, failed)
    except _FAULTS as error:
        say(f"error: {error}")
        return _CODES.get(type(error), 1)
    document = {"schema_version": 1, "machine": fingerprint(), "models": models}
    print(report.markdown(document))
    code = told(broken_claims(document))
    if arguments.write:
        report.write({**document, "models": merged(known, models)})
    return _CODES.get(type(failed[0]), 1) if failed else code


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = flags(__doc__, write="replace what was measured in the committed results")
    add_names(parser, "--part", list(PARTS))
    add_names(parser, "--model", NAMES)
    parser.add_argument("--quick", action="store_true", help="a try: its figures say little")
    arguments = parser.parse_args(words)
    if arguments.write and arguments.quick:
        parser.error("--write is for figures that count: leave --quick out")
    return arguments


def _figures(
    folder: Path,
    arguments: argparse.Namespace,
    known: Mapping[str, dict[str, Any]],
    failed: list[Exception],
) -> list[dict[str, Any]]:
    """What the parts find of each model that they are asked of; `failed` takes what went wrong."""
    asked = [name for name in PARTS if not arguments.part or name in arguments.part]
    plan = {
        name: [part for part in asked if PARTS[part].concerns(name)]
        for name in NAMES
        if not arguments.model or name in arguments.model
    }
    for name, parts in plan.items():
        check_needs(parts, name, known.get(name, {}))
    core, load_core = cores()
    program = ours.build()
    site = Site(core, Generator(load_core), folder / "plans", say)
    files = photographs(folder / "photographs")
    models = []
    for name, parts in plan.items():
        if not parts:
            continue
        say(f"{name}: converting")
        made = subject(name, folder / name)
        case = Case.of(made, files, (QUICK if arguments.quick else FULL)[name])
        small = None
        if any(PARTS[part].small for part in parts):
            say(f"{name}: smaller precisions")
            with pinned([core]):
                small = smaller(name, folder / f"{name}-small")
        settings = [Setting(1, 1)] if arguments.quick else None
        bench = Bench(site, case, program, small, settings)
        with pinned([load_core]):
            models.append(measured(bench, parts, known.get(name, {}), failed))
    return models


def measured(
    bench: Bench, parts: Sequence[str], known: Mapping[str, Any], failed: list[Exception]
) -> dict[str, Any]:
    """The figures of the parts, and how many seconds each took.

    A part that fails takes only those with it that go by its figures.
    """
    found: dict[str, Any] = {}
    seconds = {}
    for part in parts:
        if not {*known, *found}.issuperset(PARTS[part].needs):
            continue
        start = time.monotonic()
        try:
            found |= PARTS[part].measure(bench, {**known, **found})
        except _FAULTS as error:
            say(f"error: {bench.case.subject.name}, {part}: {error}")
            failed.append(error)
            continue
        seconds[part] = round(time.monotonic() - start)
    return {"model": bench.case.subject.name, "seconds": seconds, **found}


def merged(
    known: Mapping[str, dict[str, Any]], models: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What was known of each model, and in its place what was found now.

    What went by figures that were found anew is left out.
    """
    every = dict(known)
    for model in models:
        before = every.get(model["model"], {"seconds": {}})
        stale = {
            key for part in PARTS.values() if set(part.needs) & set(model) for key in part.keys
        }
        kept = {key: value for key, value in before.items() if key not in stale}
        seconds = {**before["seconds"], **model["seconds"]}
        every[model["model"]] = {**kept, **model, "seconds": seconds}
    return [every[name] for name in NAMES if name in every]


if __name__ == "__main__":
    end(main)
