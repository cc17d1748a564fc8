"""The process of one exporter: started early, asked once, ended when its time is over."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from oxidizedvision.convert.export.request import (
    Cause,
    ExportAnswer,
    ExportRequest,
    Failure,
    Route,
)

_WORKER = "oxidizedvision.convert.export.worker"
_LINES_SHOWN = 3
_LONGEST_START_S = 600
_NO_MEMORY = "The machine may be out of memory: convert with a smaller input."


class Exporter:
    """A process that has PyTorch loaded and waits for one request.

    Importing PyTorch takes seconds, so start it before the request is known. Use it as a context
    manager: it does not outlive the block.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        # Closed with the process.
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            (sys.executable, "-P", "-m", _WORKER, route),
            env={**os.environ, "PYTHONPATH": _import_path(), "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            errors="replace",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()

    def ask(self, request: ExportRequest, timeout_s: float) -> ExportAnswer:
        """Export; a process that dies or takes too long is a `Failure` as every other.

        The time is that of the export: it counts from the moment that PyTorch is loaded.
        """
        self._wait_until_ready()
        try:
            answer, _ = self._process.communicate(request.model_dump_json(), timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return ExportAnswer(
                failure=Failure(
                    cause=Cause.TIMEOUT,
                    message=f"it did not end within {timeout_s:g} s",
                    hint="Raise export.timeout_s, or choose another export.exporter.",
                )
            )
        if self._process.returncode == 0:
            try:
                return ExportAnswer.model_validate_json(answer.rpartition("\n")[2])
            except ValidationError:
                pass
        return ExportAnswer(failure=self._died())

    def _wait_until_ready(self) -> None:
        """Until PyTorch is loaded, or the process has ended, or much too long has passed."""
        if self._process.stdout is not None:
            select.select([self._process.stdout], [], [], _LONGEST_START_S)

    def _died(self) -> Failure:
        code = self._process.returncode
        self._log.seek(0)
        last = "; ".join(self._log.read().strip().splitlines()[-_LINES_SHOWN:])
        how = f"by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"with {code}"
        return Failure(
            cause=Cause.CRASHED,
            message=f"its process ended {how}{': ' if last else ''}{last}",
            hint=_NO_MEMORY if code == -signal.SIGKILL else "Choose another export.exporter.",
        )


def _import_path() -> str:
    """What makes the process import what this one imports."""
    return os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
