"""Our server: how it is built, started and asked. Nothing else here knows its command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.table import Request
from benchmarks.server.building import built
from oxidizedvision.runners import libraries

PACKAGE = "image_server"
READY = "/v2/health/ready"
DEADLINE_S = 30.0
"""Of a request that names none."""


def build() -> Path:
    """Build the program, and make the engines' libraries known to what is started from here.

    Raises:
        BuildError: when it does not build.
    """
    for engine in libraries.LIBRARIES:
        libraries.prepare(engine)
    return built(PACKAGE)


def command(
    program: Path, manifest: Path, runner: str, port: int, settings: Mapping[str, int]
) -> list[str]:
    """The words that start it with one model; what no setting names is as it is by default."""
    words = [str(program), str(manifest), "--port", str(port), "--runner", runner]
    for key, value in settings.items():
        words += ["--set", f"{key}={value}"]
    return words


def picture(body: bytes, *, gives_pictures: bool) -> Request:
    """A picture alone as the body; a picture alone as the answer where the model gives one."""
    accepted = "image/png" if gives_pictures else "application/json"
    return Request("/predict", {"Content-Type": "image/jpeg", "Accept": accepted}, body)


def tensor(model: str, name: str, array: NDArray[np.float32]) -> Request:
    """A tensor for a model's input by the Open Inference Protocol, in binary both ways."""
    one = {
        "name": name,
        "shape": list(array.shape),
        "datatype": "FP32",
        "parameters": {"binary_data_size": array.nbytes},
    }
    header = json.dumps({"inputs": [one], "parameters": {"binary_data_output": True}}).encode()
    fields = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(header)),
    }
    return Request(f"/v2/models/{model}/infer", fields, header + array.tobytes())


def answer(body: bytes) -> bytes:
    """The JSON or PNG within a reply to a picture."""
    if not body.startswith(b"{"):
        return body
    document = json.loads(body)
    return json.dumps(document.get("prediction", document)).encode()
