"""Have another process read a checkpoint, so that nothing in it can touch this one."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.convert.checkpoint.kinds import refused
from oxidizedvision.convert.checkpoint.worker import ANSWER, Request
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors

if TYPE_CHECKING:
    import torch

LIMIT_S = 600
"""Far more than reading takes: a file of gigabytes is read in a minute."""

_WORKER = "oxidizedvision.convert.checkpoint.worker"
_SHOWN = 8
_SAVE = "save only the weights, torch.save(network.state_dict(), …) or safetensors.torch.save_file"


@dataclass(frozen=True)
class StateDict:
    """Tensors by name, found in a checkpoint.

    path: the dotted keys that lead to them; empty for the file itself. unusable: tensors that are
    there and cannot be used, with the reason. others: entries that are no tensors.
    """

    path: str
    tensors: dict[str, torch.Tensor]
    unusable: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()


@contextmanager
def read_apart(path: Path, request: Request) -> Iterator[list[StateDict]]:
    """The state dicts of a file, in its order; their tensors live as long as the block.

    Raises:
        OxidizedVisionError: `checkpoint` when the file is refused, cannot be read, or its reader
            dies or takes too long; `file_system` when there is no room for the tensors.
    """
    with tempfile.TemporaryDirectory(prefix="oxidizedvision-") as name:
        folder = Path(name)
        answer = _ask(path, dataclasses.replace(request, folder=name), folder)
        if "state_dicts" not in answer:
            raise _refusal(path, answer)
        yield [
            StateDict(
                str(item["path"]),
                _tensors(folder / f"{index}.safetensors", path),
                {str(key): str(reason) for key, reason in item["unusable"].items()},
                tuple(map(str, item["others"])),
            )
            for index, item in enumerate(answer["state_dicts"])
        ]


def _tensors(file: Path, named: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with file_errors(named):
            tensors: dict[str, torch.Tensor] = load_file(file)
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise refused(named, f"cannot be read: {error}", f"Instead, {_SAVE}.") from error
    return tensors


def _ask(path: Path, request: Request, folder: Path) -> dict[str, Any]:
    """Run the worker. It writes to files: a pipe that its children hold would never end."""
    said = folder / "stderr"
    with said.open("wb") as stderr:
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", _WORKER],
                input=json.dumps(dataclasses.asdict(request)).encode(),
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={**os.environ, "PYTHONPATH": _import_path()},
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise refused(
                path,
                f"was not read within {LIMIT_S} s, and its reader was stopped",
                f"Copy it to a faster disk; or {_SAVE}.",
            ) from error
    answer = folder / ANSWER
    if done.returncode == 0 and answer.is_file():
        read: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return read
    return {"reason": _death(done.returncode, said.read_text("utf-8", "replace"))}


def _import_path() -> str:
    """What makes the worker import what this process imports."""
    return os.pathsep.join(entry for entry in sys.path if entry)


def _death(code: int, said: str) -> str:
    if code == -signal.SIGKILL:
        return "its reader was killed; this machine may not have enough memory"
    if code < 0:
        return f"its reader was ended by {signal.strsignal(-code) or -code}"
    last = said.strip().rpartition("\n")[2]
    return f"its reader ended with {code}" + (f": {last}" if last else "")


def _refusal(path: Path, answer: dict[str, Any]) -> OxidizedVisionError:
    if isinstance(answer.get("wanted"), list):
        return _wants_code(path, [str(name) for name in answer["wanted"]])
    if "module" in answer:
        return refused(
            path,
            f"needs the module {answer['module']}, which cannot be found",
            f"Put it beside the model's file, or install it; or {_SAVE}.",
        )
    if "disk" in answer:
        return OxidizedVisionError(
            Kind.FILE_SYSTEM,
            f"The tensors of {path} cannot be written to {tempfile.gettempdir()}: {answer['disk']}",
            "Free some space there, or set TMPDIR to a folder that has it.",
        )
    return refused(
        path,
        f"cannot be read: {answer.get('reason')}",
        f"model.checkpoint holds names with tensors: {_SAVE}.",
    )


def _wants_code(path: Path, wanted: list[str]) -> OxidizedVisionError:
    classes = [name for name in wanted if name.startswith("torch.nn.modules.")]
    own = [name for name in wanted if name not in classes]
    shown = [*own, *classes][:_SHOWN]
    more = f" and {len(wanted) - _SHOWN} more" if len(wanted) > _SHOWN else ""
    what = "is a whole network and not its state dict, and is refused" if classes else "is refused"
    return refused(
        path,
        f"{what}: reading it would call {', '.join(shown)}{more}; nothing in it was run",
        f"Where you can, {_SAVE}. If you trust whoever made this file, let it run its code with "
        "--trust-checkpoint, or model.trust_checkpoint: true in the config.",
    )
