"""Every peer with every setting: which serves most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.table import PEERS, Setting
from benchmarks.server.answers import AnswerError
from benchmarks.server.generator import LoadError
from benchmarks.server.process import ServerError
from benchmarks.server.servers import Server, installed, peer_server
from benchmarks.server.site import Case, Site, peak, picture_plan
from benchmarks.wheels import FetchError


class PeerError(Exception):
    """A peer cannot be measured."""


def tuned(
    name: str, case: Case, site: Site, packages: Path, settings: Sequence[Setting]
) -> tuple[Server, list[dict[str, Any]]]:
    """A peer with the setting that serves most, and a row for each that was tried.

    Raises:
        PeerError: where it does not install, or serves with no setting.
    """
    try:
        folder = installed(name, packages)
    except FetchError as error:
        raise PeerError(str(error)) from error
    found: list[tuple[float, Server]] = []
    rows: list[dict[str, Any]] = []
    reason = ""
    for setting in settings:
        server = peer_server(PEERS[name], setting, case.subject.model, folder)
        try:
            per_s = _served(server, case, site)
        except (ServerError, AnswerError, LoadError) as error:
            reason = str(error)
            site.say(f"{name}, {setting}: {reason}")
            continue
        site.say(f"{name}, {setting}: {per_s:.1f} pictures a second")
        found.append((per_s, server))
        rows.append({"server": name, "setting": str(setting), "per_s": per_s})
    if not found:
        raise PeerError(f"{name} serves with no setting: {reason}")
    return max(found, key=lambda pair: pair[0])[1], rows


def _served(server: Server, case: Case, site: Site) -> float:
    """Pictures a second, once every answer was seen to be right."""
    with server.start(site.core) as running:
        plan = picture_plan(site, case, server, running)
        seconds = case.scale.tune_s
        return peak(site, plan, running, seconds, warmup_s=seconds / 2)
