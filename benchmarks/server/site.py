"""Where it is measured and what is sent."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.server.answers import references
from benchmarks.server.generator import Generator, refuse_failures, write_plan
from benchmarks.server.process import Running
from benchmarks.server.scale import Scale
from benchmarks.server.servers import Server, checked_requests
from benchmarks.server.subjects import Subject
from oxidizedvision.benchmark.processors import processors_for
from oxidizedvision.postprocess import Prediction

CONNECTIONS = 8


class MachineError(Exception):
    """A machine that cannot keep a server and its load apart."""


def cores() -> tuple[int, int]:
    """The core of servers and that of the load generator.

    Raises:
        MachineError: where this process may use one processor only.
    """
    granted = sorted(os.sched_getaffinity(0))
    if len(granted) < 2:
        raise MachineError("a server and its load need a processor each, and there is one")
    (server,) = processors_for(1)
    return server, next(core for core in granted if core != server)


@dataclass(frozen=True)
class Site:
    """The processors, the load generator, and a folder for what is written meanwhile."""

    core: int
    generator: Generator
    folder: Path
    say: Callable[[str], None]
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def new_folder(self) -> Path:
        """A path where nothing is yet."""
        return self.folder / f"plan{next(self._numbers)}"


@dataclass(frozen=True)
class Case:
    """A model, the photographs that are sent to it, and what should come back."""

    subject: Subject
    pictures: Sequence[Path]
    references: Sequence[Prediction]
    scale: Scale

    @staticmethod
    def of(subject: Subject, pictures: Sequence[Path], scale: Scale) -> Case:
        """With the answers of the reference."""
        return Case(subject, pictures, references(subject.model, pictures), scale)


def picture_plan(site: Site, case: Case, server: Server, running: Running) -> Path:
    """The plan of the photographs, for a server that was asked each of them once.

    Raises:
        ServerError: when it does not answer.
        AnswerError: when it answers something else than the reference.
    """
    requests = checked_requests(server, running, case.pictures, case.references)
    return write_plan(site.new_folder(), requests)


def peak(site: Site, plan: Path, running: Running, seconds: float, warmup_s: float) -> float:
    """Pictures a second on `CONNECTIONS` connections.

    Raises:
        LoadError: where a request was not answered as it should be.
    """
    report = site.generator.closed(
        plan, running.port, CONNECTIONS, warmup_s=warmup_s, seconds=seconds
    )
    rate: float = refuse_failures(running.name, report)["windows_per_s"][0]
    return rate
