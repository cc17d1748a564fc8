"""Weights: read without running what a file may contain, and matched with the network."""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.lazy import require

if TYPE_CHECKING:
    import torch

_WORKER = "oxidizedvision.convert.checkpoint_worker"
_PREFIXES = ("module.", "_orig_mod.")
_SHOWN = 6


def load_checkpoint(network: torch.nn.Module, path: Path) -> None:
    """Put the weights of a file into a network.

    `path` is a `.safetensors` file, or a state dict saved by `torch.save`, plain or under a key
    such as `state_dict`; the prefix that DataParallel or torch.compile adds is taken off.

    Raises:
        OxidizedVisionError: `checkpoint` when the file is refused or does not fit the network.
    """
    if path.suffix == ".safetensors":
        state = _read_safetensors(path)
    else:
        with tempfile.TemporaryDirectory(prefix="oxidizedvision-") as folder:
            state = _read_safetensors(_rewritten(path, Path(folder) / "state.safetensors"), path)
    _apply(network, _without_prefix(state, network), path)


def _read_safetensors(file: Path, named: Path | None = None) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    require("torch", "reading a checkpoint")
    with file_errors(named or file):
        content = file.read_bytes()
    try:
        state: dict[str, torch.Tensor] = load(content)
    except SafetensorError as error:
        raise OxidizedVisionError(
            Kind.CHECKPOINT,
            f"{named or file} is not a whole safetensors file: {error}",
            "Save the weights again with safetensors.torch.save_file.",
        ) from error
    return state


def _rewritten(path: Path, output: Path) -> Path:
    """Have another process read a `.pt` file, so that nothing in it can touch this one."""
    with file_errors(path), path.open("rb"):
        pass
    command = [sys.executable, "-P", "-m", _WORKER, str(path), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0 and output.is_file():
        return output
    last = done.stdout.strip().rpartition("\n")[2]
    try:
        answer = json.loads(last)
    except ValueError:
        tail = done.stderr.strip().rpartition("\n")[2]
        answer = {"reason": f"the process that read it ended with {done.returncode}: {tail}"}
    raise _refused(path, answer)


def _refused(path: Path, answer: dict[str, object]) -> OxidizedVisionError:
    wanted = answer.get("wanted")
    if isinstance(wanted, list):
        return OxidizedVisionError(
            Kind.CHECKPOINT,
            f"{path} is refused: loading it would call {', '.join(map(str, wanted))}; "
            "nothing in it was run",
            "Save only the weights, torch.save(network.state_dict(), …), or a .safetensors file.",
        )
    return OxidizedVisionError(
        Kind.CHECKPOINT,
        f"{path} cannot be read: {answer.get('reason')}",
        "model.checkpoint is a state dict saved by torch.save, or a .safetensors file.",
    )


def _without_prefix(
    state: dict[str, torch.Tensor], network: torch.nn.Module
) -> dict[str, torch.Tensor]:
    known = network.state_dict().keys()
    for prefix in _PREFIXES:
        if state and not state.keys() & known and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _apply(network: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    try:
        result = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise OxidizedVisionError(
            Kind.CHECKPOINT,
            f"{path} does not fit {type(network).__name__}: "
            f"{' '.join(lines[:_SHOWN]) or error}{more}",
            "Check model.class_name and model.init_args: they decide the shapes.",
        ) from error
    problems = [
        *_problem("missing", result.missing_keys, result.unexpected_keys),
        *_problem("unexpected", result.unexpected_keys, result.missing_keys),
    ]
    if problems:
        raise OxidizedVisionError(
            Kind.CHECKPOINT,
            f"{path} does not fit {type(network).__name__}: {'; '.join(problems)}",
            "Check model.class_name and model.init_args, or save the checkpoint again.",
        )


def _problem(word: str, keys: list[str], others: Iterable[str]) -> list[str]:
    if not keys:
        return []
    shown = []
    candidates = list(others)
    for key in keys[:_SHOWN]:
        near = difflib.get_close_matches(key, candidates, n=1, cutoff=0.6)
        shown.append(f"{key} (near: {near[0]})" if near else key)
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return [f"{len(keys)} {word}: {', '.join(shown)}{more}"]
