"""Servers with everything that it takes to start them and to ask them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.table import PEERS, Peer, Request, Setting, raw_body
from benchmarks.server import ours
from benchmarks.server.answers import check, telling_part
from benchmarks.server.generator import Generator
from benchmarks.server.process import Running, free_port, running
from benchmarks.server.subjects import Subject
from benchmarks.wheels import FetchError, with_dependencies
from oxidizedvision.postprocess import Prediction

OURS, AUTO = "ours, ort", "ours, auto"
"""Our server with ONNX Runtime, and with what `choose` found best."""


@dataclass(frozen=True)
class Server:
    """A server of one model that can be started again and again.

    command: its words for a port. ready: its readiness probe. request, answer: how a picture goes
    in, and where the answer stands in the reply. environment: variables of its own.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    ready: str | None
    request: Callable[[bytes], Request]
    answer: Callable[[bytes], bytes]
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, core: int) -> AbstractContextManager[Running]:
        """Run it on a core.

        Raises:
            ServerError: when it does not start.
        """
        port = free_port()
        return running(
            self.name,
            self.command(port),
            port,
            core,
            ready=self.ready,
            environment=self.environment,
        )


def our_server(name: str, program: Path, subject: Subject, runner: str) -> Server:
    """Ours, with an engine."""
    return Server(
        name,
        lambda port: ours.command(program, subject.manifest, runner, port),
        ours.READY,
        lambda body: ours.picture(body, gives_pictures=subject.gives_pictures),
        ours.answer,
    )


def peer_server(peer: Peer, setting: Setting, model: Path, packages: Path) -> Server:
    """A peer, with its packages before those of this environment."""
    return Server(
        peer.name,
        lambda port: peer.command(model, port, setting),
        peer.ready,
        peer.request,
        peer.answer,
        {"PYTHONPATH": str(packages)},
    )


def echo_server(generator: Generator, reply_bytes: int | None) -> Server:
    """actix-web alone, which gives back what it gets."""
    return Server(
        "echo",
        lambda port: generator.echo(port, reply_bytes),
        None,
        raw_body("/"),
        bytes,
    )


def installed(name: str, folder: Path) -> Path:
    """The packages of a peer in a folder of their own, fetched when first wanted.

    Raises:
        FetchError: with what the installer said.
    """
    target = folder / name
    if not target.exists():
        package, *others = PEERS[name].packages
        try:
            with_dependencies(package, target, *others)
        except FetchError:
            shutil.rmtree(target, ignore_errors=True)
            raise
    return target


def checked_requests(
    server: Server, served: Running, pictures: Sequence[Path], references: Sequence[Prediction]
) -> list[tuple[Request, str | None]]:
    """A server's requests, each of which was asked once and answered rightly.

    With each stands a text that its answer has and others' have not, where there is one.

    Raises:
        ServerError: when it does not answer.
        AnswerError: when it answers something else than the reference.
    """
    requests = []
    for path, reference in zip(pictures, references, strict=True):
        request = server.request(path.read_bytes())
        reply = served.ask(request)
        check(f"{server.name}, {path.name}", server.answer(reply), reference)
        requests.append((request, telling_part(reply)))
    return requests
