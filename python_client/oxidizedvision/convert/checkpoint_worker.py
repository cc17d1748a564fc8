"""The process that reads a checkpoint saved by `torch.save` and writes it as safetensors.

`python -m oxidizedvision.convert.checkpoint_worker INPUT OUTPUT` ends with 0, or with 1 and one
line of JSON that says why: `{"wanted": […]}` where the file asks for code, else `{"reason": …}`.
"""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "network", "params", "weights")


class _RefusedError(Exception):
    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(str(answer))
        self.answer = answer


def main(source: Path, output: Path) -> int:
    """Rewrite `source` as `output`; gives the exit code."""
    from safetensors.torch import save_file

    try:
        state = _state_dict(_load(source))
    except _RefusedError as refusal:
        sys.stdout.write(json.dumps(refusal.answer) + "\n")
        return 1
    save_file({key: value.detach().contiguous().clone() for key, value in state.items()}, output)
    return 0


def _load(source: Path) -> Any:
    import torch

    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = _wanted(source)
        if wanted:
            raise _RefusedError({"wanted": wanted}) from error
        # PyTorch's own text advises to load it again without its safeguard.
        raise _RefusedError({"reason": "torch.save did not write it, or it is damaged"}) from error
    except (RuntimeError, ValueError, EOFError, LookupError, TypeError, OSError) as error:
        raise _RefusedError({"reason": _first_line(error)}) from error


def _wanted(source: Path) -> list[str]:
    """What the file would import, read from its opcodes."""
    import torch

    if not zipfile.is_zipfile(source):
        return _globals_of_pickle(source.read_bytes())
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(source))
    except (RuntimeError, ValueError, LookupError, pickle.UnpicklingError):
        return []


def _globals_of_pickle(content: bytes) -> list[str]:
    """Imports of a pickle that is no zip archive: `get_unsafe_globals…` reads only archives."""
    import pickletools

    found: set[str] = set()
    strings: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "GLOBAL":
                found.add(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL" and len(strings) >= 2:
                found.add(".".join(strings[-2:]))
            elif isinstance(argument, str):
                strings.append(argument)
    except ValueError:
        return sorted(found)
    return sorted(found)


def _state_dict(loaded: Any) -> dict[str, torch.Tensor]:
    import torch

    for key in _KEYS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
            break
    if not isinstance(loaded, dict) or not loaded:
        raise _RefusedError({"reason": f"it holds a {type(loaded).__name__} and no state dict"})
    for key, value in loaded.items():
        if not isinstance(value, torch.Tensor):
            reason = f"its entry {key!r} is a {type(value).__name__} and not a tensor"
            raise _RefusedError({"reason": reason})
    return {str(key): value for key, value in loaded.items()}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
