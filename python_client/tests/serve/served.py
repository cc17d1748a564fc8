"""A server in a process of its own, and a plain client for what real clients do not do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[3]
MODELS = ROOT / "testdata" / "models"
STARTS_WITHIN_S = 120
ENDS_WITHIN_S = 60

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A server that listens; `document` is what it printed when it did."""

    document: dict[str, Any]
    process: subprocess.Popen[str]
    log: Path

    @property
    def url(self) -> str:
        return str(self.document["address"])

    @property
    def authority(self) -> str:
        """Host and port, as clients want them."""
        return self.url.partition("://")[2]

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Reply:
        """Any status is an answer; the path is what stands behind the authority."""
        verb = method or ("GET" if body is None else "POST")
        with closing(HTTPConnection(self.authority, timeout=60)) as connection:
            connection.request(verb, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())

    def send(self, document: Any, path: str = "/predict") -> Reply:
        """Post a JSON document."""
        headers = {"Content-Type": "application/json"}
        return self.ask(path, json.dumps(document).encode(), headers=headers)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(ENDS_WITHIN_S)


@contextmanager
def serving(
    *arguments: object, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """`oxidizedvision serve` on a free port; killed at the end where it still runs."""
    command = [sys.executable, "-m", "oxidizedvision", "serve", *map(str, arguments)]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*command, "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        try:
            yield Served(first_document(process, log), process, log)
        finally:
            if process.poll() is None:
                process.kill()


def first_document(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    """What a server prints once it listens."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the server ended with {process.wait(STARTS_WITHIN_S)}: {log.read_text()}"
    document: dict[str, Any] = json.loads(line)
    assert "error" not in document, f"{document}: {log.read_text()}"
    return document


def cases(model: str) -> list[tuple[Arrays, Arrays]]:
    """Inputs and PyTorch's outputs of every golden case of a model of testdata."""
    return cases_of(MODELS / f"{model}.safetensors")


def cases_of(file: Path) -> list[tuple[Arrays, Arrays]]:
    """Inputs and PyTorch's outputs of every case of a golden file."""
    golden = load_file(file)
    names = sorted({key.split("/")[0] for key in golden})

    def side(case: str, which: str) -> Arrays:
        prefix = f"{case}/{which}/"
        return {k.removeprefix(prefix): v for k, v in golden.items() if k.startswith(prefix)}

    return [(side(name, "input"), side(name, "output")) for name in names]


def assert_close(got: Mapping[str, NDArray[Any] | None], expected: Arrays) -> None:
    """Names, types, shapes and values as PyTorch has them."""
    assert set(got) == set(expected)
    for name, array in expected.items():
        answer = got[name]
        assert answer is not None, name
        assert (answer.dtype, answer.shape) == (array.dtype, array.shape)
        np.testing.assert_allclose(answer, array, rtol=1e-4, atol=1e-5)
