"""Servers with everything that it takes to start them and to ask them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.peers.environment import python_of
from benchmarks.peers.table import Peer, Request, Setting, raw_body
from benchmarks.server import ours
from benchmarks.server.answers import check, telling_part
from benchmarks.server.generator import Generator
from benchmarks.server.process import Running, free_port, running
from benchmarks.server.subjects import Subject
from oxidizedvision.postprocess import Prediction

OURS, AUTO = "ours, ort", "ours, auto"
"""Our server with ONNX Runtime, and with what `choose` found best."""


@dataclass(frozen=True)
class Server:
    """A server of one model that can be started again and again.

    command: its words for a port. ready: its readiness probe. request, answer: how a picture goes
    in, and where the answer stands in the reply. exact: whether it computes in FP32.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    ready: str | None
    request: Callable[[bytes], Request]
    answer: Callable[[bytes], bytes]
    exact: bool = True

    def start(self, core: int) -> AbstractContextManager[Running]:
        """Run it on a core.

        Raises:
            ServerError: when it does not start.
        """
        port = free_port()
        return running(self.name, self.command(port), port, core, ready=self.ready)


def our_server(
    name: str,
    program: Path,
    subject: Subject,
    runner: str,
    settings: Mapping[str, int] = MappingProxyType({}),
    *,
    exact: bool = True,
) -> Server:
    """Ours, with an engine, and with settings by their place in the settings file."""
    return Server(
        name,
        lambda port: ours.command(program, subject.manifest, runner, port, settings),
        ours.READY,
        lambda body: ours.picture(body, gives_pictures=subject.gives_pictures),
        ours.answer,
        exact,
    )


def peer_server(peer: Peer, setting: Setting, model: Path) -> Server:
    """A peer, in its own environment.

    Raises:
        InstallError: when that cannot be made.
    """
    python = python_of(peer.key)
    return Server(
        peer.name,
        lambda port: peer.command(python, model, port, setting),
        peer.ready,
        peer.request,
        peer.answer,
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
        name = f"{server.name}, {path.name}"
        check(name, server.answer(reply), reference, exact=server.exact)
        requests.append((request, telling_part(reply)))
    return requests
