"""Drives the program `onnx_cases`, which an engine may take down at any case."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

CASE_SECONDS = 120.0
"""Longer than any case takes, the first one's start of the engine included."""

CRASH = "crash"
TIMEOUT = "timeout"


class ProgramError(Exception):
    """The program did not do its part; the message says what it said."""


@dataclass(frozen=True)
class Outcome:
    """How a case ended. status: `pass`, or the step that failed. kind, reason: of the error."""

    case: str
    status: str
    kind: str = ""
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether every output was as expected."""
        return self.status == "pass"


def drive(
    command: Sequence[str], cases: Sequence[str], seconds: float = CASE_SECONDS
) -> dict[str, Outcome]:
    """Run every case, starting anew after one that ends the process or takes too long.

    Args:
        command: The program with its arguments; it takes `--after CASE`.
        cases: Every case in the order in which the program runs them.
        seconds: The most that one case may take.

    Raises:
        ProgramError: The program refuses its arguments, or runs other cases.
    """
    outcomes: dict[str, Outcome] = {}
    while len(outcomes) < len(cases):
        after = cases[len(outcomes) - 1] if outcomes else None
        lost = _run_on(command, after, cases, outcomes, seconds)
        if lost is not None:
            outcomes[lost.case] = lost
    return outcomes


def _run_on(
    command: Sequence[str],
    after: str | None,
    cases: Sequence[str],
    outcomes: dict[str, Outcome],
    seconds: float,
) -> Outcome | None:
    """Add the outcomes of one process, and give that of the case which ended it."""
    words = [*command, *(("--after", after) if after is not None else ())]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            lines = _lines(process)
            while len(outcomes) < len(cases):
                expected = cases[len(outcomes)]
                try:
                    line = lines.get(timeout=seconds)
                except queue.Empty:
                    return Outcome(expected, TIMEOUT, reason=f"no answer in {seconds:g} s")
                if line is None:
                    return _ended(process, errors, expected)
                outcomes[expected] = _outcome(line, expected)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    return None


def _lines(process: subprocess.Popen[str]) -> queue.Queue[str | None]:
    """The lines of a process as they come; None at the end."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        try:
            for line in process.stdout or ():
                lines.put(line)
        except ValueError:
            # The stream was closed: whoever did that wants no more lines.
            return
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _outcome(line: str, expected: str) -> Outcome:
    try:
        data: dict[str, Any] = json.loads(line)
        outcome = Outcome(**data)
    except (ValueError, TypeError) as error:
        raise ProgramError(f"not an outcome: {line.strip()[:200]}") from error
    if outcome.case != expected:
        raise ProgramError(f"ran {outcome.case} where {expected} was next")
    return outcome


def _ended(process: subprocess.Popen[str], errors: IO[bytes], case: str) -> Outcome:
    code = process.wait()
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip().splitlines()
    last = said[-1][:300] if said else "nothing"
    if code in (0, 2):
        raise ProgramError(f"stopped before {case} with code {code}: {last}")
    name = signal.Signals(-code).name if code < 0 else f"code {code}"
    return Outcome(case, CRASH, reason=f"{name}; it said: {last}")


def folder_order(folder: Path) -> list[str]:
    """The cases of a folder in the order in which the program runs them."""
    names = [path.name for path in folder.iterdir() if (path / "model.onnx").is_file()]
    return sorted(names, key=str.encode)
