"""Our server beside others: `make bench-server`.

The server and the load generator have a core each; docs/benchmarks.md tells how it is measured.
Exit codes: 0 every claim holds; 1 a server or the load failed; 2 usage, or too few processors;
3 a claim is broken; 4 a peer cannot be had; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.table import Setting
from benchmarks.server import ours, overload, report
from benchmarks.server.answers import AnswerError
from benchmarks.server.building import BuildError
from benchmarks.server.generator import Generator, LoadError
from benchmarks.server.model import measured
from benchmarks.server.process import ServerError
from benchmarks.server.scale import FULL, QUICK
from benchmarks.server.servers import Server, our_server
from benchmarks.server.site import Case, MachineError, Site, cores
from benchmarks.server.subjects import NAMES, photographs, subject
from benchmarks.server.tuning import PeerError
from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.benchmark.session import pinned

_CODES = {MachineError: 2, PeerError: 4}


def main(words: list[str] | None = None) -> int:
    """Measure, print, and give the exit code."""
    arguments = _parse(words)
    start = time.monotonic()
    machine = fingerprint()
    try:
        with tempfile.TemporaryDirectory(prefix="oxidizedvision-server-") as name:
            os.environ["OXIDIZEDVISION_HOME"] = str(Path(name) / "home")
            models, idle = _figures(Path(name), arguments.model or NAMES, quick=arguments.quick)
    except (AnswerError, BuildError, LoadError, MachineError, PeerError, ServerError) as error:
        say(f"error: {error}")
        return _CODES.get(type(error), 1)
    document = {
        "schema_version": 1,
        "machine": machine,
        "seconds": round(time.monotonic() - start),
        "deadline_s": ours.DEADLINE_S,
        "models": models,
        "idle": idle,
    }
    print(report.markdown(document))
    broken = report.broken_claims(document)
    for claim in broken:
        say(f"NOT KEPT: {claim}")
    if arguments.write:
        report.write(document)
    return 3 if broken else 0


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", action="append", choices=NAMES, help="may be repeated")
    parser.add_argument("--write", action="store_true", help="replace the committed results")
    parser.add_argument("--quick", action="store_true", help="a try: its figures say little")
    arguments = parser.parse_args(words)
    if arguments.write and (arguments.model or arguments.quick):
        parser.error("--write is for everything at full length: leave --model and --quick out")
    return arguments


def _figures(
    folder: Path, names: Sequence[str], *, quick: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The figures of each model, and those of idle servers."""
    core, load_core = cores()
    program = ours.build()
    site = Site(core, Generator(load_core), folder / "plans", say)
    files = photographs(folder / "photographs")
    settings = [Setting(1, 1)] if quick else None
    models, idle = [], []
    for name in names:
        say(f"{name}: converting")
        made = subject(name, folder / name)
        case = Case.of(made, files, QUICK if quick else FULL[name])
        with pinned([load_core]):
            found, peers = measured(site, case, program, folder / "peers", settings)
            models.append(found)
            if name == NAMES[0]:
                say(f"{name}: idle")
                idle = _idle(site, case, program, peers)
    return models, idle


def _idle(site: Site, case: Case, program: Path, peers: list[Server]) -> list[dict[str, Any]]:
    own = our_server("ours, rten", program, case.subject, "rten")
    return [overload.idle(site, case, server) for server in (own, *peers)]


def say(text: str) -> None:
    """Tell how far it is, beside the result."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
