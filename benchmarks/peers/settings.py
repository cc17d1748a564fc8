"""What every peer is started with; the processes that it starts read it from the environment."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass

from benchmarks.peers.vision import VisionModel

KEEP_ALIVE_S = 75
"""A connection that the server closes while a request is on its way would count as a failure."""
_MODEL, _THREADS = "PEER_MODEL", "PEER_THREADS"


@dataclass(frozen=True)
class Settings:
    """The port, how many processes compute, and the most pictures of one run."""

    port: int
    workers: int
    batch: int


def read_settings(title: str | None) -> Settings:
    """Read the command line, and tell the model and its threads to the processes to come."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--model", required=True, help="an .onnx file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes that compute")
    parser.add_argument("--threads", type=int, default=1, help="of one run of the engine")
    parser.add_argument("--batch", type=int, default=1, help="the most pictures of one run")
    words = parser.parse_args()
    os.environ[_MODEL] = words.model
    os.environ[_THREADS] = str(words.threads)
    return Settings(words.port, words.workers, words.batch)


def load_model() -> VisionModel:
    """The model that `read_settings` was told of, in this process or in the one that started it."""
    return VisionModel(os.environ[_MODEL], int(os.environ[_THREADS]))
