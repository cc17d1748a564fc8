"""How fast eight networks are, our engines beside the bare ones: `make bench`.

Every ready engine of ours is measured with one thread and with all, and so is every peer, in turns
(see docs/benchmarks.md). Then `auto` chooses on its own, and its choice is looked up in the grid.
Exit codes: 0 every claim holds; 2 usage; 3 a claim is broken; 130 interrupted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import add_names, end, flags, own_folder, say, told
from benchmarks.grid import report
from benchmarks.grid.networks import NETWORKS
from benchmarks.zoo.architecture import Architecture
from benchmarks.zoo.measure import prepared
from oxidizedvision.auto import choose
from oxidizedvision.benchmark import BenchmarkOptions
from oxidizedvision.benchmark.candidate import COMPILED, Candidate
from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.benchmark.plan import settings
from oxidizedvision.benchmark.sessions import WORKER
from oxidizedvision.benchmark.verb import measured
from oxidizedvision.convert import convert
from oxidizedvision.core.results import to_plain
from oxidizedvision.runners.request import granted_threads
from oxidizedvision.runners.target import Target, resolve

PEER_WORKER = "benchmarks.grid.peer_worker"
BARE = "bare"
OURS = ("tract", "rten", "ort", "openvino", "tch")
OF_PYTORCH = ("pytorch", COMPILED, "torchscript")
PEERS = (*OF_PYTORCH, "onnxruntime", "openvino")
PROCESSES = 3


def main(words: list[str] | None = None) -> int:
    """Measure, print, and give the exit code."""
    arguments = _parse(words)
    start = time.monotonic()
    networks = [n for n in NETWORKS if not arguments.network or n.name in arguments.network]
    with own_folder("grid") as folder:
        rows = [_network(network, folder / network.name) for network in networks]
    document = {
        "schema_version": 1,
        "machine": fingerprint(),
        "seconds": round(time.monotonic() - start),
        "networks": rows,
    }
    print(report.markdown(document))
    if arguments.write:
        report.write(document)
    return told(report.broken_claims(document))


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = flags(__doc__)
    add_names(parser, "--network", [network.name for network in NETWORKS])
    arguments = parser.parse_args(words)
    if arguments.write and arguments.network:
        parser.error("--write is for all networks: leave --network out")
    return arguments


def _network(network: Architecture, folder: Path) -> dict[str, Any]:
    say(f"{network.name}: converting")
    config = network.write_config(folder)
    prepared(network, config)
    convert(config)
    target = resolve(config)
    say(f"{network.name}: measuring the grid")
    options = BenchmarkOptions(processes=PROCESSES, most_processes=PROCESSES, timeout_s=1200)
    grid = measured(
        target,
        [*_ours(target), *_peers()],
        settings(options, target.config),
        worker_of=lambda candidate: PEER_WORKER if candidate.variant == BARE else WORKER,
        notify=lambda text: say(f"{network.name}: {text}"),
    )
    for failure in (*grid.failures, *grid.unavailable):
        say(f"{network.name}: {failure}")
    say(f"{network.name}: auto chooses")
    chosen = choose(config, goal="latency")
    return {
        "network": network.name,
        "auto": {"runner": chosen.runner, "threads": chosen.threads},
        "grid": to_plain(grid),
    }


def _ours(target: Target) -> list[Candidate]:
    ready = [name for name in OURS if target.missing(name) is None]
    return [
        Candidate(name, threads, 1)
        for name in ready
        for threads in _threads()
        if name != "tract" or threads == 1  # it has one
    ]


def _peers() -> list[Candidate]:
    """Each with one thread and with all; PyTorch's, which take long to start, with all."""
    return [
        Candidate(name, threads, 1, variant=BARE)
        for name in PEERS
        for threads in _threads()
        if name not in OF_PYTORCH or threads == granted_threads()
    ]


def _threads() -> Sequence[int]:
    return sorted({1, granted_threads()})


if __name__ == "__main__":
    end(main)
