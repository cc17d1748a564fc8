"""The process of one engine: it loads a model and answers runs until its parent is gone.

Started as `python -m oxidizedvision.runners.apart_worker`. It imports the one engine that it is
for, and nothing that reads configs.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.processes import error_to_dict, take_stdout
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.frames import Message, receive, send


class Engine:
    """A model once it is loaded: the first message loads it, the others run it."""

    def __init__(self) -> None:
        self._runner: Runner | None = None

    def answer(self, request: Message) -> Message:
        """What the engine gives, or its error."""
        try:
            if self._runner is not None:
                return _run(self._runner, request)
            self._runner = _load(request)
            return Message({"info": dataclasses.asdict(self._runner.info)})
        except OxidizedVisionError as error:
            return Message({"error": error_to_dict(error)})
        except MemoryError as error:
            return Message({"memory": str(error)})


def _run(runner: Runner, request: Message) -> Message:
    runs = request.body.get("profile")
    if runs is None:
        return Message(arrays=runner.run_named(request.arrays))
    nodes = runner.profile_named(request.arrays, runs)
    told = None if nodes is None else [dataclasses.asdict(node) for node in nodes]
    return Message({"nodes": told})


def _load(request: Message) -> Runner:
    body: dict[str, Any] = dict(request.body)
    engine, model = body.pop("engine"), body.pop("model")
    source = request.arrays["model"].tobytes() if model is None else Path(model)
    shapes = {name: tuple(shape) for name, shape in body.pop("input_shapes").items()}
    config = RunnerConfig(source, input_shapes=shapes, **body)
    if engine == "onnxruntime":
        from oxidizedvision.runners import onnxruntime

        return onnxruntime.load(config)
    from oxidizedvision.runners import native

    return native.load(engine, config)


def serve(answer: Callable[[Message], Message]) -> None:
    """Answer the messages of a parent, which is the one that hears Ctrl-C, until it is gone.

    Whatever else writes to standard output goes to standard error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(take_stdout(), "wb")
    for request in _requests(sys.stdin.buffer):
        send(answers, answer(request))


def _requests(stream: BinaryIO) -> Iterator[Message]:
    """Messages as they come. When the other side is gone this process ends, whatever runs in it."""
    queue: SimpleQueue[Message] = SimpleQueue()

    def read() -> None:
        code = 1
        try:
            while True:
                queue.put(receive(stream))
        except EOFError:
            code = 0
        except (ValueError, MemoryError):
            traceback.print_exc()
        finally:
            os._exit(code)

    Thread(target=read, daemon=True).start()
    while True:
        yield queue.get()


if __name__ == "__main__":
    serve(Engine().answer)
