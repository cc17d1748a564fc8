"""The process that reads a checkpoint and writes the state dicts in it as safetensors.

Started as `python -m oxidizedvision.convert.checkpoint.worker` with a `Request` as JSON on standard
input. It writes `0.safetensors`, `1.safetensors`, … and `answer.json` into the request's folder.
"""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from oxidizedvision.convert.checkpoint.archives import exported_tensors, torchscript_tensors
from oxidizedvision.convert.checkpoint.kinds import FileKind
from oxidizedvision.convert.checkpoint.pickles import wanted_by

if TYPE_CHECKING:
    import torch

ANSWER = "answer.json"

_DEPTH = 4
"""How deep state dicts are looked for: `{"ema": {"module": {…}}}` has them at 2."""

_NO_WEIGHTS = ("optim", "scheduler", "lr_scheduler", "scaler", "callbacks", "rng")
"""First parts of names below which a training checkpoint keeps no weights."""


@dataclass(frozen=True)
class Request:
    """What to read.

    trust: run what the file asks for. folders: where modules that it names are looked for then;
    main: the Python file that stands for the program that wrote it.
    """

    source: str
    kind: str
    folder: str
    trust: bool = False
    folders: tuple[str, ...] = ()
    main: str | None = None


class _RefusedError(Exception):
    def __init__(self, **answer: Any) -> None:
        super().__init__(str(answer))
        self.answer = answer


def serve(request: Request) -> None:
    """Answer one request."""
    folder = Path(request.folder)
    try:
        answer = _answer(request)
    except _RefusedError as refusal:
        answer = refusal.answer
    except MemoryError:
        answer = {"reason": "this machine has not enough memory for it"}
    (folder / ANSWER).write_text(json.dumps(answer), encoding="utf-8")


def _answer(request: Request) -> dict[str, Any]:
    found = [(path, state) for path, state in _state_dicts(_loaded(request), "", 0) if state]
    if not found:
        raise _RefusedError(reason="it holds no state dict: no names with tensors")
    written = []
    for index, (path, state) in enumerate(found):
        usable, unusable, others = _sorted_out(state)
        _save(usable, Path(request.folder) / f"{index}.safetensors")
        written.append({"path": path, "unusable": unusable, "others": others})
    return {"state_dicts": written}


def _save(tensors: dict[str, torch.Tensor], output: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, output)
    except (OSError, SafetensorError) as error:
        raise _RefusedError(disk=_line(error)) from error


def _loaded(request: Request) -> Any:
    source = Path(request.source)
    readers = {
        FileKind.TORCHSCRIPT.value: torchscript_tensors,
        FileKind.EXPORTED.value: exported_tensors,
    }
    if request.kind in readers:
        try:
            return readers[request.kind](source)
        except MemoryError:
            raise
        except Exception as error:  # a hostile archive may lead to any
            raise _RefusedError(reason=_line(error)) from error
    return _trusted(request) if request.trust else _weights_only(source)


def _torch_load(source: Path, *, weights_only: bool) -> Any:
    import torch

    with source.open("rb") as file:
        if source.suffix == ".safetensors":  # PyTorch goes by this name; it is none
            return torch.load(file, map_location="cpu", weights_only=weights_only)
        mapped = zipfile.is_zipfile(source)
        return torch.load(source, map_location="cpu", weights_only=weights_only, mmap=mapped)


def _weights_only(source: Path) -> Any:
    try:
        return _torch_load(source, weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a hostile pickle may lead to any
        # PyTorch's own text advises to load it again without its safeguard.
        safeguard = isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error)
        wanted = wanted_by(source) if safeguard else []
        if wanted:
            raise _RefusedError(wanted=wanted) from error
        damaged = "torch.save did not write it, or it is damaged"
        raise _RefusedError(reason=damaged if safeguard else _line(error)) from error


def _trusted(request: Request) -> Any:
    """Load a file that may run code, with the model's folders and its file within reach."""
    sys.path[:0] = request.folders
    sys.argv = [request.source]
    if request.main is not None:
        _stand_in_for_main(Path(request.main))
    try:
        return _torch_load(Path(request.source), weights_only=False)
    except MemoryError:
        raise
    except ModuleNotFoundError as error:
        raise _RefusedError(module=error.name) from error
    except (Exception, SystemExit) as error:
        raise _RefusedError(reason=f"{type(error).__name__}: {_line(error)}") from error


def _stand_in_for_main(file: Path) -> None:
    """Let classes of the program that wrote a pickle, `__main__.Net`, be found in the model's."""
    loaded: list[ModuleType] = []

    def attribute(name: str) -> Any:
        if not loaded:
            from oxidizedvision.convert.imports import import_file

            loaded.append(import_file(file))
        return getattr(loaded[0], name)

    sys.modules["__main__"].__getattr__ = attribute  # type: ignore[method-assign]


def _state_dicts(found: Any, path: str, depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping from names to tensors, with the dotted keys that lead to it."""
    import torch

    if isinstance(found, torch.nn.Module):
        yield path, found.state_dict()
        return
    if not isinstance(found, Mapping):
        if depth == 0:
            raise _RefusedError(reason=f"it holds a {type(found).__name__} and no state dict")
        return
    named = {key: value for key, value in found.items() if isinstance(key, str)}
    if any(isinstance(value, torch.Tensor) for value in named.values()):
        yield path, {key: value for key, value in named.items() if not _is_part(value)}
    if depth == _DEPTH:
        return
    for key, value in named.items():
        if _is_part(value) and not key.lower().startswith(_NO_WEIGHTS):
            yield from _state_dicts(value, f"{path}.{key}".lstrip("."), depth + 1)


def _is_part(value: Any) -> bool:
    import torch

    return isinstance(value, Mapping | torch.nn.Module)


def _sorted_out(
    state: Mapping[str, Any],
) -> tuple[dict[str, torch.Tensor], dict[str, str], list[str]]:
    """Tensors to write, those that cannot be with the reason, and entries that are no tensors."""
    import torch

    usable: dict[str, torch.Tensor] = {}
    unusable: dict[str, str] = {}
    others: list[str] = []
    for key, value in state.items():
        if not isinstance(value, torch.Tensor):
            others.append(key)
        elif reason := _fault(value):
            unusable[key] = reason
        else:
            usable[key] = value.detach().contiguous().clone()
    return usable, unusable, others


def _fault(tensor: torch.Tensor) -> str:
    """Why a tensor cannot be written as plain numbers; empty where it can."""
    import torch

    plain_types = {torch.Tensor, torch.nn.Parameter, torch.nn.Buffer}
    faults = (
        (tensor.is_quantized, f"quantised ({_word(tensor.dtype)})"),
        (tensor.layout is not torch.strided, f"sparse ({_word(tensor.layout)})"),
        (tensor.is_nested, "a nested tensor"),
        (tensor.is_meta, "without values (on the device meta)"),
        (type(tensor) not in plain_types, f"a {type(tensor).__name__}"),
        (tensor.dtype in {torch.complex32, torch.complex128}, f"of type {_word(tensor.dtype)}"),
    )
    return next((fault for wrong, fault in faults if wrong), "")


def _word(kind: Any) -> str:
    return str(kind).removeprefix("torch.")


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


if __name__ == "__main__":
    values = json.loads(sys.stdin.read())
    serve(Request(**{**values, "folders": tuple(values["folders"])}))
