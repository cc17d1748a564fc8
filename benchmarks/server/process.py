"""A server in processes of its own, on a core of its own."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.table import Request
from oxidizedvision.benchmark.session import pinned

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 90
_END_S = 10
_POLL_S = 0.002
_ANSWER_S = 120


class ServerError(Exception):
    """A server did not start, or did not answer."""


@dataclass(frozen=True)
class Memory:
    """MiB of all processes of a server: pages that they share count once for each, or once."""

    resident: float
    proportional: float


@dataclass(frozen=True)
class Running:
    """A server that answers.

    ready_s: from its start to the first answer of its readiness probe.
    """

    name: str
    port: int
    pid: int
    ready_s: float

    def ask(self, request: Request) -> bytes:
        """The body of the answer to one request.

        Raises:
            ServerError: for any status but 200.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_S)
        try:
            connection.request("POST", request.path, request.body, dict(request.headers))
            reply = connection.getresponse()
            body = reply.read()
        except OSError as error:
            raise ServerError(f"{self.name} does not answer: {error}") from error
        finally:
            connection.close()
        if reply.status != http.client.OK:
            said = body[:300].decode(errors="replace")
            raise ServerError(f"{self.name} answers {reply.status} to {request.path}: {said}")
        return body

    def pause(self) -> None:
        """Stop its processes: some servers work though nobody asks them."""
        _signal(session_members(self.pid), signal.SIGSTOP)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let it go on, and pause it afterwards."""
        _signal(session_members(self.pid), signal.SIGCONT)
        try:
            yield
        finally:
            self.pause()

    def memory(self) -> Memory:
        """What its processes hold now."""
        pages = [_memory(pid) for pid in session_members(self.pid)]
        return Memory(sum(rss for rss, _ in pages), sum(pss for _, pss in pages))


def free_port() -> int:
    """A port that nobody listens on, nor on the two after it."""
    for _ in range(100):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port: int = found.getsockname()[1]
        if all(_is_free(port + step) for step in range(3)):
            return port
    raise ServerError("no free port was found")


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    port: int,
    core: int,
    *,
    ready: str | None,
) -> Iterator[Running]:
    """Start a server on one core, wait until it is ready, and end it afterwards.

    Args:
        name: What errors call it.
        command: Its words.
        port: Where it listens.
        core: The only one that its processes may use.
        ready: The path that answers 200 when it is ready; None where any answer will do.

    Raises:
        ServerError: with the end of what it wrote, when it does not start.
    """
    with tempfile.TemporaryFile() as written:
        start = time.monotonic()
        with pinned([core]):
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            while not _is_ready(port, ready):
                if process.poll() is not None or time.monotonic() - start > _PATIENCE_S:
                    written.seek(0)
                    said = written.read()[-2000:].decode(errors="replace").strip()
                    raise ServerError(f"{name} did not start:\n{said}")
                time.sleep(_POLL_S)
            yield Running(name, port, process.pid, time.monotonic() - start)
        finally:
            _end(process)


def _is_ready(port: int, path: str | None) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_END_S)
    try:
        connection.request("GET", path or "/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return path is None or status == http.client.OK


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the first process to end; what is left of its session is ended without asking."""
    members = session_members(process.pid)
    process.terminate()
    _signal(members, signal.SIGCONT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    left = {*members, *session_members(process.pid)}
    _signal([pid for pid in left if _session(pid) == process.pid], signal.SIGKILL)
    process.wait()
    killed = time.monotonic()
    while session_members(process.pid) and time.monotonic() - killed < _END_S:
        time.sleep(_POLL_S)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, number)


def _session(pid: int) -> int | None:
    with suppress(OSError):
        return os.getsid(pid)
    return None


def session_members(session: int) -> list[int]:
    """The processes of a session, as long as they live."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            fields = (folder / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def _memory(pid: int) -> tuple[float, float]:
    with suppress(OSError):
        fields = {}
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]:
            key, _, value = line.partition(":")
            fields[key] = int(value.split()[0]) / 1024
        return fields["Rss"], fields["Pss"]
    return 0.0, 0.0
