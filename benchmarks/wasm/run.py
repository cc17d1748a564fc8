"""Our modules beside onnxruntime-web in Chromium: `make bench-wasm`.

Every engine has a worker of its own in a page of its own, and they take turns; docs/benchmarks.md
tells how it is measured. What was measured of a model is written before the next one.
Exit codes: 0 every claim holds; 1 an engine or the browser failed, or a module is not built;
2 usage; 3 a claim is broken; 4 onnxruntime-web or Chromium cannot be had; 130 interrupted.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import add_names, end, flags, own_folder, say, told
from benchmarks.wasm import report
from benchmarks.wasm.browser import BrowserError, Chromium, chromium
from benchmarks.wasm.claims import broken_claims
from benchmarks.wasm.engines import MODULES, BuildError, parts, present
from benchmarks.wasm.measure import addresses, measured, plan_of
from benchmarks.wasm.models import NAMES, Subject, subject
from benchmarks.wasm.site import pages, serving
from benchmarks.wasm.wire import Wire, compressed
from oxidizedvision.benchmark.machine import fingerprint

_USAGE = 2
_BUSY = 0.5
"""Load average at which figures are too slow: the run itself wants the processors."""


class UsageError(Exception):
    """What was asked for does not fit what is committed."""


def main(words: list[str] | None = None) -> int:
    """Measure, print, and give the exit code."""
    arguments = _parse(words)
    load = fingerprint()["load_average"]
    if load is not None and load > _BUSY:
        say(f"warning: the load average is {load}: other work makes these figures too slow")
    try:
        with own_folder("wasm") as folder:
            document = _measured(folder, arguments)
    except UsageError as error:
        say(f"error: {error}")
        return _USAGE
    except (BuildError, BrowserError) as error:
        say(f"error: {error}")
        return 1
    print(report.markdown(document))
    return told(broken_claims(document))


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = flags(__doc__, write="replace what was measured in the committed results")
    add_names(parser, "--model", NAMES)
    parser.add_argument("--quick", action="store_true", help="a try: its figures say little")
    parser.add_argument("--modules", type=Path, default=MODULES, help="the folder of our modules")
    arguments = parser.parse_args(words)
    if arguments.write and arguments.quick:
        parser.error("--write is for figures that count: leave --quick out")
    return arguments


def _measured(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """The document of this run; with `--write`, it is written whenever a model is done."""
    names = [name for name in NAMES if not arguments.model or name in arguments.model]
    there = parts(arguments.modules, every=not arguments.quick)
    say("compressing the modules")
    wires = compressed(there, folder / "wire", beforehand=not arguments.quick)
    subjects = []
    for name in names:
        say(f"{name}: converting, unless it was before")
        subjects.append(subject(name))
    files = {**pages(), **addresses(wires, subjects)}
    with serving(files) as url, chromium(url) as browser:
        document = _document(browser, wires)
        known = _known(document, arguments)
        for model in _models(browser, wires, subjects, quick=arguments.quick):
            document["models"].append(model)
            if arguments.write:
                known[model["model"]] = model
                report.write({**document, "models": [*known.values()]})
    return document


def _document(browser: Chromium, wires: Sequence[Wire]) -> dict[str, Any]:
    machine = fingerprint()
    versions = {**machine["versions"], "chromium": browser.version}
    return {
        "schema_version": 1,
        "machine": {**machine, "versions": versions},
        "wire": [wire.row for wire in wires],
        "models": [],
    }


def _known(document: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """What is committed of the models that this run leaves out.

    Raises:
        UsageError: it cannot stand beside this run's.
    """
    known = report.committed(document)
    if known is None and arguments.write and arguments.model:
        raise UsageError(
            "the committed figures are another machine's, or another build's: leave --model out"
        )
    return dict(known or {}) if arguments.model else {}


def _models(
    browser: Chromium, wires: Sequence[Wire], subjects: Sequence[Subject], *, quick: bool
) -> Iterator[dict[str, Any]]:
    there = {wire.part.name: wire.part for wire in wires}
    for each in subjects:
        say(f"{each.name}: measuring")
        start = time.monotonic()
        engines = present([*there.values()])
        rows = measured(browser, each, engines, there, plan_of(each.name, quick=quick))
        for row in rows:
            row["error"] = row["error"] if math.isfinite(row["error"]) else None
        seconds = round(time.monotonic() - start)
        load = round(os.getloadavg()[0], 2)
        yield {"model": each.name, "seconds": seconds, "load_average": load, "rows": rows}


if __name__ == "__main__":
    end(main)
