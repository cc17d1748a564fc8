"""The parts of the benchmark: what each finds of one model, and what it goes by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.table import OPTIONAL, PEERS, Setting
from benchmarks.server import overload, pictures, tensors
from benchmarks.server.claims import peer_rows
from benchmarks.server.servers import AUTO, OURS, Server, our_server, peer_server
from benchmarks.server.site import Case, Site
from benchmarks.server.subjects import Subject
from benchmarks.server.tuning import PeerError, best, settings_of, tuned
from oxidizedvision.auto import choose
from oxidizedvision.auto.report import ChooseOptions
from oxidizedvision.benchmark.session import pinned

Figures = dict[str, Any]
Known = Mapping[str, Any]
IDLE = "ours, rten"
"""Our server as it is when it should be small."""


class PartError(Exception):
    """A part goes by another that was not measured."""


@dataclass(frozen=True)
class Bench:
    """One model with everything that its parts share.

    program: our server. small: the model with what `optimize` made of it; None where no part that
    was asked for goes by it. settings: what peers are tuned over; None: all that each is tried
    with.
    """

    site: Site
    case: Case
    program: Path
    small: Subject | None = None
    settings: Sequence[Setting] | None = None

    def ours(self, name: str, engine: str) -> Server:
        """Our server with an engine."""
        return our_server(name, self.program, self.case.subject, engine)

    def say(self, text: str) -> None:
        """Tell what is being done with the model."""
        self.site.say(f"{self.case.subject.name}: {text}")


def _jpeg(bench: Bench, _: Known) -> Figures:
    tuning, missing = _tuned(bench)
    bench.say("auto chooses")
    auto = _chosen(bench)
    bench.say("how many pictures each serves")
    rows = pictures.throughput(bench.site, bench.case, _servers(bench, auto, tuning))
    return {"auto": auto, "tuning": tuning, "missing": missing, "throughput": rows}


def _tuned(bench: Bench) -> tuple[list[Figures], list[dict[str, str]]]:
    rows, missing = [], []
    for name, peer in PEERS.items():
        settings = bench.settings or peer.settings(batches=bench.case.scale.batches)
        try:
            rows += tuned(name, bench.case, bench.site, settings)
        except PeerError as error:
            if name not in OPTIONAL:
                raise
            bench.say(str(error))
            missing.append({"server": name, "reason": str(error)})
    return rows, missing


def _servers(bench: Bench, auto: Mapping[str, str], tuning: Sequence[Figures]) -> list[Server]:
    """Ours with ONNX Runtime and with what was chosen, and every peer at its best."""
    small = bench.small if auto["precision"] != "fp32" else None
    chosen = our_server(
        AUTO, bench.program, small or bench.case.subject, auto["engine"], exact=small is None
    )
    peers = [
        peer_server(PEERS[row["server"]], settings_of(row), bench.case.subject.model)
        for row in best(tuning)
    ]
    return [bench.ours(OURS, "ort"), chosen, *peers]


def _chosen(bench: Bench) -> Figures:
    """The engine and precision that serve most on one core."""
    options = ChooseOptions(threads=1, batch_size=1, processes=3)
    config = (bench.small or bench.case.subject).config
    with pinned([bench.site.core]):
        found = choose(config, goal="throughput", options=options)
    return {"engine": found.runner, "precision": found.precision}


def _p99(bench: Bench, known: Known) -> Figures:
    servers = _servers(bench, known["auto"], known["tuning"])
    rate = pictures.SHARE_OF_PEAK * min(row["per_s"] for row in peer_rows(known["throughput"]))
    bench.say(f"how late answers are at {rate:.3g} pictures a second")
    return {"steady": pictures.steady(bench.site, bench.case, servers, rate)}


def _tensors(bench: Bench, _: Known) -> Figures:
    own = bench.ours(OURS, "ort")
    bench.say("binary tensors")
    return {
        "tensors": tensors.throughput(bench.site, bench.case, own),
        "single": tensors.single(bench.site, bench.case, own),
    }


def _overload(bench: Bench, _: Known) -> Figures:
    bench.say("three times as many as it can serve")
    queue = bench.case.scale.queue
    settings = {} if queue is None else {"limits.queue.requests": queue}
    server = our_server(OURS, bench.program, bench.case.subject, "ort", settings)
    return {"overload": overload.overload(bench.site, bench.case, server)}


def _idle(bench: Bench, known: Known) -> Figures:
    bench.say("idle")
    absent = {row["server"] for row in known.get("missing", ())}
    servers = [bench.ours(IDLE, "rten")]
    for name, peer in PEERS.items():
        if name not in absent:
            servers.append(peer_server(peer, Setting(1, 1), bench.case.subject.model))
    return {"idle": [overload.idle(bench.site, bench.case, server) for server in servers]}


@dataclass(frozen=True)
class Part:
    """One of the questions.

    measure: its figures, by what is known. keys: of those figures. needs: keys that it goes by.
    models: those that it is asked of; empty for all.
    """

    measure: Callable[[Bench, Known], Figures]
    keys: Sequence[str]
    needs: Sequence[str] = ()
    models: Sequence[str] = ()
    small: bool = False

    def concerns(self, model: str) -> bool:
        """Whether it is asked of a model."""
        return not self.models or model in self.models


PARTS: Mapping[str, Part] = {
    "jpeg": Part(_jpeg, ("auto", "tuning", "missing", "throughput"), small=True),
    "p99": Part(_p99, ("steady",), ("auto", "tuning", "throughput"), small=True),
    "tensors": Part(_tensors, ("tensors", "single")),
    "overload": Part(_overload, ("overload",)),
    "idle": Part(_idle, ("idle",), models=("mobilenet_v2",)),
}


def check_needs(parts: Sequence[str], model: str, known: Known) -> None:
    """See that everything that the parts go by is known or among them.

    Raises:
        PartError: with what to measure first.
    """
    there = {*known, *(key for name in parts for key in PARTS[name].keys)}
    for name in parts:
        if not there.issuperset(PARTS[name].needs):
            raise PartError(
                f"{name} of {model} goes by what the part jpeg found, and the committed results "
                "have none of this machine: measure jpeg with it, or before it with --write"
            )
