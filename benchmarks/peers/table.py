"""The servers that ours is measured beside, and how each wants a picture sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_BOUNDARY = "a-boundary-that-no-picture-contains"


@dataclass(frozen=True)
class Request:
    """One POST as it goes over the wire."""

    path: str
    headers: Mapping[str, str]
    body: bytes


def typed(path: str, content_type: str, body: bytes) -> Request:
    """A request with no other field than its type."""
    return Request(path, {"Content-Type": content_type}, body)


@dataclass(frozen=True)
class Setting:
    """What a peer is tuned over: processes, the engine's threads, and pictures of one run."""

    workers: int
    threads: int
    batch: int = 1

    def __str__(self) -> str:
        """The setting in a few words."""
        words = f"workers {self.workers}, threads {self.threads}"
        return words if self.batch == 1 else f"{words}, batches up to {self.batch}"


@dataclass(frozen=True)
class Peer:
    """A server that is not ours.

    name: what the tables call it. key: what its lock and its module are named after. ready: the
    path that answers 200 once it serves. request: a picture as it wants it. answer: the JSON or
    PNG within the body of its reply. batches: the most pictures of one run, as far as it can
    batch pictures.
    """

    name: str
    key: str
    ready: str
    request: Callable[[bytes], Request]
    answer: Callable[[bytes], bytes] = field(default=bytes)
    batches: Sequence[int] = (1,)

    def settings(self, *, batches: bool = True) -> list[Setting]:
        """Everything that it is tried with; without batches, one picture at a time only."""
        both, most = (1, 2), self.batches if batches else (1,)
        return [Setting(w, t, b) for w in both for t in both for b in most]

    def command(self, python: Path, model: Path, port: int, setting: Setting) -> list[str]:
        """The words that start it with the interpreter of its environment."""
        module = f"benchmarks.peers.{self.key}_server"
        return [
            *(str(python), "-m", module, "--model", str(model), "--port", str(port)),
            *("--workers", str(setting.workers), "--threads", str(setting.threads)),
            *("--batch", str(setting.batch)),
        ]


def raw_body(path: str) -> Callable[[bytes], Request]:
    """The picture alone as the body."""
    return lambda picture: typed(path, "image/jpeg", picture)


def form(path: str, name: str) -> Callable[[bytes], Request]:
    """The picture as a file of a form."""

    def request(picture: bytes) -> Request:
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; '
            'filename="picture.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        )
        body = head.encode() + picture + f"\r\n--{_BOUNDARY}--\r\n".encode()
        return typed(path, f"multipart/form-data; boundary={_BOUNDARY}", body)

    return request


def base64_input(path: str) -> Callable[[bytes], Request]:
    """The picture as a BYTES input of the Open Inference Protocol, in base64."""

    def request(picture: bytes) -> Request:
        one = {
            "name": "picture",
            "shape": [1],
            "datatype": "BYTES",
            "parameters": {"content_type": "base64"},
            "data": [base64.b64encode(picture).decode()],
        }
        return typed(path, "application/json", json.dumps({"inputs": [one]}).encode())

    return request


def of_output(body: bytes) -> bytes:
    """The answer within a reply of the Open Inference Protocol."""
    (text,) = json.loads(body)["outputs"][0]["data"]
    return text.encode() if text.startswith("{") else base64.b64decode(text)


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            "FastAPI",
            "fastapi",
            "/health",
            raw_body("/predict"),
        ),
        Peer(
            "LitServe",
            "litserve",
            "/health",
            form("/predict", "request"),
            batches=(1, 8),
        ),
        Peer(
            "mosec",
            "mosec",
            "/",
            raw_body("/inference"),
            batches=(1, 8),
        ),
        Peer(
            "MLServer",
            "mlserver",
            "/v2/models/picture/ready",
            base64_input("/v2/models/picture/infer"),
            of_output,
        ),
    )
}
"""By name, FastAPI, which most people write first, first."""
OPTIONAL = ("MLServer",)
"""What is left out, and said so, where it does not install."""
