"""A process that holds one loaded model and times runs of it when it is asked to.

The process says one line of JSON when it is ready, then answers each line on its standard input
with another, until that ends. Our Python worker and packaged programs speak alike.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.processes import LastWords, error_from_dict, how_it_ended

_PATIENCE_S = 5.0
_GLANCE_S = 0.001
_GLANCES = 100


@dataclass(frozen=True)
class Start:
    """What a process says when its model is loaded and has run once."""

    engine_version: str
    device: str
    threads: int
    load_ms: float
    first_ms: float
    peak_rss_mib: float = float("nan")


@dataclass(frozen=True)
class Window:
    """Runs that were timed one after the other without a pause.

    waited_s: seconds that the threads of the process were ready and had no processor; None where
    the system does not tell. took_s: seconds from asking to the answer, in which they did; runs
    that do not count are in it.
    """

    latency_ms: list[float]
    peak_rss_mib: float
    waited_s: float | None
    took_s: float


class Session:
    """One such process. Close it, or it stays until this process ends.

    Args:
        runner: What messages call it.
        command: How it is started.
        processors: Those that it may use; empty leaves them all.
        timeout_s: How long it may take in all.

    Raises:
        OxidizedVisionError: from every call: the process's own error; `engine_failed` when it
            takes too long; `panicked` when it dies, with the last of what it said.
    """

    def __init__(
        self,
        runner: str,
        command: Sequence[str],
        *,
        processors: Sequence[int],
        timeout_s: float,
        environment: Mapping[str, str] | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> None:
        self._runner = runner
        self._timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s
        with pinned(processors):
            self._process = _started(runner, command, environment)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._said = LastWords(cast("IO[bytes]", self._process.stderr))
        threading.Thread(target=self._read, daemon=True).start()
        try:
            if request is not None:
                self._write(request)
            self.start = _start(runner, self._answer())
        except BaseException:
            self.close()
            raise

    def window(self, *, runs: int = 0, seconds: float = 0.0) -> Window:
        """Time so many runs, or as many as start within a time; always one at least."""
        asked = {"seconds": seconds, "least": max(runs, 1)} if seconds else {"runs": max(runs, 1)}
        before, start = waited_s(self._process.pid), time.monotonic()
        self._write(asked)
        answer = self._answer()
        after, end = waited_s(self._process.pid), time.monotonic()
        self._until_idle()
        try:
            return Window(
                latency_ms=[float(value) for value in answer["latency_ms"]],
                peak_rss_mib=_number(answer["peak_rss_mib"]),
                waited_s=None if before is None or after is None else max(0.0, after - before),
                took_s=end - start,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_understood(error) from error

    def _until_idle(self) -> None:
        """Wait for threads that spin after a run, which would slow down whoever is next.

        Those of ONNX Runtime do so for some 35 ms.
        """
        for _ in range(_GLANCES):
            time.sleep(_GLANCE_S)
            if not is_running(self._process.pid):
                return

    def close(self) -> None:
        """End the process, which has nothing to save."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:  # a line that was never read
                pass

    def _read(self) -> None:
        stream = cast("IO[bytes]", self._process.stdout)
        try:
            for line in stream:
                self._lines.put(line.decode("utf-8", "replace"))
        except (OSError, ValueError):  # closed from the other side
            pass
        self._lines.put(None)

    def _write(self, message: Mapping[str, Any]) -> None:
        stream = cast("IO[bytes]", self._process.stdin)
        try:
            stream.write(json.dumps(message).encode() + b"\n")
            stream.flush()
        except OSError:  # it ended: the missing answer says so
            pass

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=max(0.0, self._end - time.monotonic()))
        except queue.Empty:
            raise OxidizedVisionError(
                Kind.ENGINE_FAILED,
                f"{self._runner} did not end within {self._timeout_s:g} s",
                "Use fewer iterations or processes, or a longer --timeout.",
            ) from None
        if line is None:
            raise self._died()
        try:
            answer: dict[str, Any] = json.loads(line)
            error = error_from_dict(answer["error"]) if "error" in answer else None
        except (ValueError, KeyError, TypeError) as reason:
            raise self._not_understood(reason) from reason
        if error is not None:
            raise error
        return answer

    def _died(self) -> OxidizedVisionError:
        try:
            code = self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        message = f"The process that measures {self._runner} ended {how_it_ended(code)}"
        said = self._said.text()
        return OxidizedVisionError(
            Kind.PANICKED,
            f"{message}:\n{said}" if said else message,
            "Try a smaller input or --batch-size, or leave this runner out and report it.",
        )

    def _not_understood(self, reason: Exception) -> OxidizedVisionError:
        return OxidizedVisionError(
            Kind.INTERNAL,
            f"The process that measures {self._runner} gave an answer that is not understood: "
            f"{reason}",
            "Package the model again with this version, or report it with what --verbose shows.",
        )


@contextmanager
def pinned(processors: Sequence[int]) -> Iterator[None]:
    """What this thread starts meanwhile may use these processors only."""
    if not processors or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def is_running(pid: int) -> bool:
    """Whether a thread of a process computes, or would (Linux; elsewhere never)."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        states = [(task / "stat").read_text("utf-8").rpartition(") ")[2][0] for task in tasks]
    except (OSError, IndexError, ValueError):
        return False
    return "R" in states


def waited_s(pid: int) -> float | None:
    """How long threads of a process, in all, were ready and waited for a processor (Linux)."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        total = sum(int((task / "schedstat").read_text("ascii").split()[1]) for task in tasks)
    except (OSError, IndexError, ValueError):
        return None
    return total / 1e9


def _started(
    runner: str, command: Sequence[str], environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            env=None if environment is None else dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise OxidizedVisionError(
            Kind.BACKEND_UNAVAILABLE,
            f"{runner} cannot be started: {error.strerror}",
            "Check that the program is there and may be run.",
        ) from error


def _start(runner: str, answer: Mapping[str, Any]) -> Start:
    try:
        version = answer.get("engine_version") or (
            f"{answer['backend']} {answer['backend_version']}"  # a packaged program's words
        )
        return Start(
            engine_version=str(version),
            device=str(answer.get("device", "cpu")),
            threads=int(answer["threads"]),
            load_ms=float(answer["load_ms"]),
            first_ms=float(answer["first_ms"]),
            peak_rss_mib=_number(answer.get("peak_rss_mib")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{runner} gave a benchmark that is not understood: {error}",
            "Package the model again with this version.",
        ) from error


def _number(value: float | None) -> float:
    """A program tells null where the system does not say how much memory it held."""
    return float("nan") if value is None else float(value)
