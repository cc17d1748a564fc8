"""Well-known networks through `convert` and every engine, against PyTorch: `make zoo`.

Every network is converted as a user would and its files are run in every engine that is ready.
With `--write` the results go to `results.json` and to docs/zoo.md. Exit codes: 0 every claim
holds; 2 usage; 3 a claim is broken, or an engine no longer runs what it ran; 4 the trained
networks cannot be fetched; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.command import BROKEN, CANNOT_FETCH, add_names, end, flags, own_folder, say
from benchmarks.wheels import FetchError
from benchmarks.zoo import report
from benchmarks.zoo.architecture import Architecture
from benchmarks.zoo.measure import Outcome, measured, ready_engines
from benchmarks.zoo.mtcnn import NAMES, trained
from benchmarks.zoo.networks import NETWORKS

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "zoo.md"


def main(words: list[str] | None = None) -> int:
    """Convert, run, print; gives the exit code."""
    arguments = parse(words)
    with own_folder("zoo") as folder:
        try:
            networks = chosen(arguments.network, folder)
        except FetchError as error:
            say(f"error: {error}\nhint: --network NAME leaves these out.")
            return CANNOT_FETCH
        outcomes = list(measure_all(networks, folder, arguments.jobs))
    results = report.document(outcomes, {e.name: e.check().version for e in ready_engines()})
    print(report.markdown(results))
    found = problems(outcomes, whole=not arguments.network)
    for problem in found:
        say(problem)
    if arguments.write and not found:
        write(results)
    return BROKEN if found else 0


def parse(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = flags(__doc__)
    add_names(parser, "--network", [network.name for network in NETWORKS] + list(NAMES))
    parser.add_argument(
        "--jobs", type=int, default=min(4, os.cpu_count() or 1), help="networks at a time"
    )
    arguments = parser.parse_args(words)
    if arguments.write and arguments.network:
        parser.error("--write is for the whole zoo: leave --network out")
    return arguments


def chosen(names: Sequence[str] | None, folder: Path) -> list[Architecture]:
    """The networks of these names, or all; the trained ones are fetched where they are wanted.

    Raises:
        FetchError: they cannot be had.
    """
    wanted = names or [*(network.name for network in NETWORKS), *NAMES]
    known = {network.name: network for network in NETWORKS}
    if not set(NAMES).isdisjoint(wanted):
        known |= {network.name: network for network in trained(folder / "mtcnn")}
    return [known[name] for name in wanted]


def measure_all(networks: Sequence[Architecture], folder: Path, jobs: int) -> Iterator[Outcome]:
    """Every network's outcome, in order; some are measured at a time, each in its own process."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        for outcome in pool.map(measure_one, networks, [folder / "networks"] * len(networks)):
            say(f"{outcome.name}: {outcome.failure or ', '.join(outcome.working)}")
            yield outcome


def measure_one(network: Architecture, folder: Path) -> Outcome:
    """A network's outcome; its files are removed, and what nobody expected is an outcome too."""
    place = folder / network.name
    try:
        return measured(network, place, ready_engines())
    except Exception as error:  # noqa: BLE001 - the other networks are still to be measured
        failure = f"{type(error).__name__}: {error}"
        return Outcome(network.name, network.family, failure=failure)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def problems(outcomes: Sequence[Outcome], *, whole: bool) -> list[str]:
    """What is wrong with these outcomes; claims are about the whole zoo."""
    found = report.faults(outcomes)
    if whole:
        found += report.broken_claims(outcomes)
    if RESULTS.is_file():
        before = json.loads(RESULTS.read_text(encoding="utf-8"))
        found += report.worse(outcomes, before)
    return found


def write(results: dict[str, Any]) -> None:
    """Replace the committed results and the table of the page."""
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(report.placed(page, report.markdown(results)), encoding="utf-8")


if __name__ == "__main__":
    end(main)
