"""Everything that is measured with one model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.table import OPTIONAL, PEERS, Setting
from benchmarks.server import overload, pictures, tensors
from benchmarks.server.servers import AUTO, OURS, Server, our_server
from benchmarks.server.site import Case, Site
from benchmarks.server.tuning import PeerError, tuned
from oxidizedvision.auto import choose
from oxidizedvision.auto.report import ChooseOptions
from oxidizedvision.benchmark.session import pinned


def measured(
    site: Site, case: Case, program: Path, packages: Path, settings: Sequence[Setting] | None
) -> tuple[dict[str, Any], list[Server]]:
    """The figures of one model, and the peers at their best.

    Args:
        site: Where.
        case: The model, and what is sent to it.
        program: Our server.
        packages: The folder of the peers' packages.
        settings: What peers are tuned over; None: everything that each is to be tried with.

    Raises:
        PeerError: where a peer that must be here cannot be had.
    """
    name = case.subject.name
    peers, tuning, missing = _tuned(site, case, packages, settings)
    site.say(f"{name}: auto chooses")
    auto_server, auto = _auto(site, case, program)
    own = our_server(OURS, program, case.subject, "ort")
    servers = [own, auto_server, *peers]
    site.say(f"{name}: how many pictures each serves")
    rows = pictures.throughput(site, case, servers)
    slowest = min(row["per_s"] for row in rows if row["server"] not in (OURS, AUTO))
    site.say(f"{name}: how late answers are at {pictures.SHARE_OF_PEAK * slowest:.3g} a second")
    document = {
        "model": name,
        "auto": auto,
        "tuning": tuning,
        "missing": missing,
        "throughput": rows,
        "steady": pictures.steady(site, case, servers, pictures.SHARE_OF_PEAK * slowest),
    }
    site.say(f"{name}: binary tensors")
    document["tensors"] = tensors.throughput(site, case, own)
    document["single"] = tensors.single(site, case, own)
    site.say(f"{name}: three times as many as it can serve")
    document["overload"] = overload.overload(site, case, own)
    return document, peers


def _tuned(
    site: Site, case: Case, packages: Path, settings: Sequence[Setting] | None
) -> tuple[list[Server], list[dict[str, Any]], list[dict[str, str]]]:
    peers, rows, missing = [], [], []
    for name, peer in PEERS.items():
        try:
            server, tried = tuned(name, case, site, packages, settings or peer.settings())
        except PeerError as error:
            if name not in OPTIONAL:
                raise
            site.say(str(error))
            missing.append({"server": name, "reason": str(error)})
            continue
        peers.append(server)
        rows += tried
    return peers, rows, missing


def _auto(site: Site, case: Case, program: Path) -> tuple[Server, str]:
    """Our server with the engine that serves most on one core, and its name."""
    with pinned([site.core]):
        choice = choose(
            case.subject.config, goal="throughput", options=ChooseOptions(threads=1)
        )
    return our_server(AUTO, program, case.subject, choice.runner), choice.runner
