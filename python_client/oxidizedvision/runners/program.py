"""A packaged executable, started for each run, as its users start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.tensors import ModelInfo
from oxidizedvision.runners.base import Runner, RunnerConfig, spec_from_dict
from oxidizedvision.runners.emulated import starter_of
from oxidizedvision.runners.request import cuda_index, granted_threads, no_device, refuse_unknown

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

HINT = "Build it: `oxidizedvision package MODEL --build`, and give the program it names."
_TIMEOUT_S = 600.0
_KINDS = {
    ExitCode.BAD_INPUT: Kind.INPUT,
    ExitCode.CHECK_FAILED: Kind.CHECK_FAILED,
    ExitCode.FILE_SYSTEM: Kind.FILE_SYSTEM,
}


class ProgramRunner(Runner):
    """Runs one executable; tensors travel as .npy files in a temporary folder.

    Its `info` has `program` as the backend, and the engine inside with its version as the version.
    """

    def __init__(self, config: RunnerConfig) -> None:
        self._timeout_s = _checked(config)
        self.executable = executable_of(config)
        self._threads = config.threads or granted_threads()
        self._info = self._asked_info()

    @property
    def info(self) -> ModelInfo:
        return self._info

    def _run(self, inputs: dict[str, Array]) -> dict[str, Array]:
        with tempfile.TemporaryDirectory(prefix="oxidizedvision-") as name:
            folder = Path(name)
            arguments: list[str] = []
            for index, (tensor, array) in enumerate(inputs.items()):
                path = folder / f"input-{index}.npy"
                np.save(path, np.ascontiguousarray(array), allow_pickle=False)
                arguments += ["--input", f"{tensor}={path}"]
            outputs = {
                spec.name: folder / f"output-{index}.npy"
                for index, spec in enumerate(self._info.outputs)
            }
            for tensor, path in outputs.items():
                arguments += ["--output", f"{tensor}={path}"]
            self.start([*arguments, "--threads", str(self._threads)])
            return {tensor: self._loaded(tensor, path) for tensor, path in outputs.items()}

    def _loaded(self, tensor: str, path: Path) -> Array:
        try:
            array: Array = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise OxidizedVisionError(
                Kind.ENGINE_FAILED,
                f"{self.executable} wrote no array for {tensor!r}: {error}",
                HINT,
            ) from error
        return array

    def start(self, arguments: Sequence[str], *, timeout_s: float | None = None) -> str:
        """Start the executable and wait for it; gives its standard output.

        Raises:
            OxidizedVisionError: as `start`.
        """
        return start(self.executable, arguments, timeout_s=timeout_s or self._timeout_s)

    def _asked_info(self) -> ModelInfo:
        try:
            data = json.loads(self.start(["--info", "--threads", str(self._threads)]))
            return _model_info(data)
        except (ValueError, KeyError, TypeError) as error:
            raise OxidizedVisionError(
                Kind.CORRUPT,
                f"{self.executable} is not a program that `package` made: its --info is not "
                f"understood ({type(error).__name__}: {error})",
                HINT,
            ) from error


def start(executable: Path, arguments: Sequence[str], *, timeout_s: float = _TIMEOUT_S) -> str:
    """Start an executable and wait for it; gives its standard output.

    Raises:
        OxidizedVisionError: `backend_unavailable` when it cannot be started, otherwise the kind
            of its exit code, with what it said on standard error.
    """
    starter = starter_of(executable)
    try:
        done = subprocess.run(
            [*starter, str(executable.absolute()), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OxidizedVisionError(
            Kind.ENGINE_FAILED,
            f"{executable} did not end within {timeout_s:g} s",
            "Give a smaller input, or the option timeout_s.",
        ) from error
    except OSError as error:
        raise _not_startable(executable, error.strerror or str(error)) from error
    if done.returncode != 0:
        raise _failed(executable, done.returncode, done.stderr)
    return done.stdout


def load(config: RunnerConfig) -> Runner:
    """Ask an executable what model it carries, and make it ready to be started.

    Raises:
        OxidizedVisionError: `backend_unavailable` when it is not there or cannot be started.
    """
    return ProgramRunner(config)


def executable_of(config: RunnerConfig) -> Path:
    """The executable that a config names.

    Raises:
        OxidizedVisionError: `backend_unavailable` when there is none, or it is not executable.
    """
    if not isinstance(config.model, Path):
        raise OxidizedVisionError(
            Kind.UNSUPPORTED, "program starts an executable file, not bytes", "Give its path."
        )
    path = config.model
    if not path.is_file():
        raise _not_startable(path, "there is no such file")
    if not os.access(path, os.X_OK):
        raise OxidizedVisionError(
            Kind.BACKEND_UNAVAILABLE,
            f"The program {path} cannot be started: it is not executable",
            f"Run `chmod +x {path}`.",
        )
    return path


def _checked(config: RunnerConfig) -> float:
    refuse_unknown("program", config, ("timeout_s",))
    if cuda_index(config.device) is not None:
        raise no_device("program", config.device, "packaged programs run on the processor")
    if not config.optimize:
        raise OxidizedVisionError(
            Kind.INVALID_OPTION,
            "program cannot run its graph unoptimised",
            "Leave out optimize: false for the runner program.",
        )
    text = config.options.get("timeout_s", str(_TIMEOUT_S))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise OxidizedVisionError(
            Kind.INVALID_OPTION, f"timeout_s cannot be {text!r}", "Give seconds above 0."
        )
    return seconds


def _model_info(data: Any) -> ModelInfo:
    model = data["model"]
    return ModelInfo(
        model=model["model"],
        backend="program",
        backend_version=f"{model['backend']} {model['backend_version']}",
        inputs=tuple(map(spec_from_dict, model["inputs"])),
        outputs=tuple(map(spec_from_dict, model["outputs"])),
        threads=int(model["threads"]),
        device=model["device"],
    )


def _not_startable(path: Path, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.BACKEND_UNAVAILABLE, f"The program {path} cannot be started: {reason}", HINT
    )


def _failed(path: Path, code: int, stderr: str) -> OxidizedVisionError:
    lines = [line for line in stderr.splitlines() if line.strip()]
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    if code < 0:
        message = f"was ended by signal {-code} ({signal.strsignal(-code)})"
        return OxidizedVisionError(
            Kind.PANICKED,
            f"{path} {message}: {' '.join(lines[-3:])}".rstrip(": "),
            "Try a smaller input; if that does not help, please report it with the model.",
        )
    kind = _KINDS[ExitCode(code)] if code in _KINDS else Kind.ENGINE_FAILED
    reason = " ".join(said or lines[-3:]) or "it said nothing"
    return OxidizedVisionError(kind, f"{path} ended with {code}: {reason}", " ".join(hints))
