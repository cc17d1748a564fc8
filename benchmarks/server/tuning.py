"""Every peer with every setting: which serves most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.peers.environment import InstallError
from benchmarks.peers.table import PEERS, Setting
from benchmarks.server.answers import AnswerError
from benchmarks.server.generator import LoadError
from benchmarks.server.process import ServerError
from benchmarks.server.servers import Server, peer_server
from benchmarks.server.site import Case, Site, peak, picture_plan


class PeerError(Exception):
    """A peer cannot be measured."""


def tuned(name: str, case: Case, site: Site, settings: Sequence[Setting]) -> list[dict[str, Any]]:
    """A row for each setting that a peer serves with.

    Raises:
        PeerError: where it does not install, or serves with no setting.
    """
    rows: list[dict[str, Any]] = []
    reason = ""
    for setting in settings:
        try:
            server = peer_server(PEERS[name], setting, case.subject.model)
            per_s = _served(server, case, site)
        except InstallError as error:
            raise PeerError(str(error)) from error
        except (ServerError, AnswerError, LoadError) as error:
            reason = str(error)
            site.say(f"{name}, {setting}: {reason}")
            continue
        site.say(f"{name}, {setting}: {per_s:.1f} pictures a second")
        rows.append({"server": name, "setting": asdict(setting), "per_s": per_s})
    if not rows:
        raise PeerError(f"{name} serves with no setting: {reason}")
    return rows


def settings_of(row: Mapping[str, Any]) -> Setting:
    """The setting of such a row."""
    return Setting(**row["setting"])


def best(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of such rows, the one of each peer that serves most."""
    names = dict.fromkeys(row["server"] for row in rows)
    return [
        max((row for row in rows if row["server"] == name), key=lambda row: float(row["per_s"]))
        for name in names
    ]


def _served(server: Server, case: Case, site: Site) -> float:
    """Pictures a second, once every answer was seen to be right."""
    with server.start(site.core) as running:
        plan = picture_plan(site, case, server, running)
        seconds = case.scale.tune_s
        return peak(site, plan, running, seconds, warmup_s=seconds / 2)
