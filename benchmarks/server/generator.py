"""The load generator on a core of its own, and the plans that it is given."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.table import Request
from benchmarks.server.building import built

PACKAGE = "load_generator"
Report = dict[str, Any]


class LoadError(Exception):
    """The generator failed."""


def write_plan(folder: Path, requests: Sequence[tuple[Request, str | None]]) -> Path:
    """Write requests, and what each answer must contain, into a folder that is new."""
    folder.mkdir(parents=True)
    entries = []
    for number, (request, text) in enumerate(requests):
        (folder / f"body{number}").write_bytes(request.body)
        entry = {"path": request.path, "headers": dict(request.headers), "body": f"body{number}"}
        entries.append(entry if text is None else {**entry, "reply_contains": text})
    path = folder / "plan.json"
    path.write_text(json.dumps({"requests": entries}), encoding="utf-8")
    return path


class Generator:
    """The program `load_generator`, pinned to a core.

    Raises:
        BuildError: when it does not build.
    """

    def __init__(self, core: int) -> None:
        self._program = built(PACKAGE)
        self._core = core

    def closed(
        self, plan: Path, port: int, connections: int, *, warmup_s: float, seconds: float
    ) -> Report:
        """What became of a closed loop, all of it as one window.

        Raises:
            LoadError: with what the generator said.
        """
        pace = ("--connections", str(connections), "--window", str(seconds))
        return self._run(plan, port, pace, warmup_s, seconds)

    def open(
        self,
        plan: Path,
        port: int,
        rate: float,
        *,
        warmup_s: float,
        seconds: float,
        seed: int = 0,
        deadline_s: float | None = None,
    ) -> Report:
        """What became of an open loop whose requests come by chance.

        Answers after the deadline are no goodput.

        Raises:
            LoadError: with what the generator said.
        """
        pace = ["--rate", f"{rate:.6g}", "--poisson", "--seed", str(seed)]
        if deadline_s is not None:
            pace += ["--deadline", str(deadline_s)]
        return self._run(plan, port, pace, warmup_s, seconds)

    def echo(self, port: int, reply_bytes: int | None = None) -> list[str]:
        """The words that start the echo; it gives the first bytes back, or all."""
        words = [str(self._program), "--echo", "--port", str(port)]
        return words if reply_bytes is None else [*words, "--reply-bytes", str(reply_bytes)]

    def _run(
        self, plan: Path, port: int, pace: Sequence[str], warmup_s: float, seconds: float
    ) -> Report:
        words = (
            *(str(self._program), "--core", str(self._core), "--port", str(port)),
            *("--plan", str(plan), "--warmup", str(warmup_s), "--duration", str(seconds)),
        )
        done = subprocess.run((*words, *pace), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LoadError(f"the load generator: {done.stderr.strip()}")
        report: Report = json.loads(done.stdout)
        return report


def refuse_failures(name: str, report: Report) -> Report:
    """The report, of a load under which every request should have its answer.

    Raises:
        LoadError: where one had none, or a wrong one.
    """
    failed = report["wrong"] + report["refused"] + report["unanswered"]
    failed += sum(report["errors"].values())
    if failed or not (report["admitted"] or report["goodput_per_s"]):
        raise LoadError(
            f"{name}: of {report['sent']} requests {report['admitted']} were answered as they "
            f"should be; by status {report['by_status']}, errors {report['errors']}"
        )
    return report
