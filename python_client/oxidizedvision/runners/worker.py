"""A process that answers messages, seen from the process that started it."""

from __future__ import annotations

import subprocess
import weakref
from collections.abc import Sequence
from typing import BinaryIO, cast

from oxidizedvision.core.processes import LastWords, environment
from oxidizedvision.runners.frames import Message, receive, send

_PATIENCE_S = 5.0


class Worker:
    """A process that answers one message at a time, and ends when this one does, however that is.

    command: what starts it; it answers as `apart_worker.serve` does.
    """

    def __init__(self, command: Sequence[str]) -> None:
        process = subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._process = process
        self._requests = cast("BinaryIO", process.stdin)
        self._answers = cast("BinaryIO", process.stdout)
        self._said = LastWords(cast("BinaryIO", process.stderr))
        self._stop = weakref.finalize(self, _stop, process)

    def ask(self, message: Message) -> Message:
        """Send a message and wait for the answer. After an error only `ended` or `kill` helps.

        Raises:
            EOFError: when the process ended before it answered, or long ago.
            BrokenMessageError: when what came is no answer.
        """
        if self._requests.closed:
            raise EOFError
        try:
            send(self._requests, message)
        except BrokenPipeError as error:
            raise EOFError from error
        return receive(self._answers)

    def ended(self) -> tuple[int, str]:
        """The exit code of a process that is about to end, and what it said on standard error."""
        try:
            code = self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:  # it closed its end and lives on
            self._process.kill()
            code = self._process.wait()
        self.kill()
        return code, self._said.text()

    def kill(self) -> str:
        """End the process at once, whatever it is doing; gives what it said on standard error."""
        self._stop()
        return self._said.text()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # does nothing in a fork of the process that started it
    process.wait()
    for stream in (process.stdin, process.stdout):
        try:
            if stream is not None:
                stream.close()
        except BrokenPipeError:  # a message that was never read
            pass
