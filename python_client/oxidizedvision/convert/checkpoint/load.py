"""Put a file's weights into a network."""

from __future__ import annotations

import sys
import warnings
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.convert.checkpoint.choice import Choice, choose
from oxidizedvision.convert.checkpoint.fit import Needs
from oxidizedvision.convert.checkpoint.kinds import (
    FileKind,
    checkpoint_files,
    file_kind,
    refused,
    shards,
)
from oxidizedvision.convert.checkpoint.misfit import misfit
from oxidizedvision.convert.checkpoint.process import StateDict, read_apart
from oxidizedvision.convert.checkpoint.worker import Request
from oxidizedvision.core.errors import OxidizedVisionWarning
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.lazy import require

if TYPE_CHECKING:
    import torch

_SAVE_AGAIN = "Save the weights again with safetensors.torch.save_file."
_SHOWN = 4


def load_checkpoint(
    network: torch.nn.Module,
    path: Path,
    *,
    key: str | None = None,
    trust: bool = False,
    folders: Sequence[Path] = (),
) -> None:
    """Put the weights of a file into a network.

    What the file is, is told from its content: safetensors, an index of safetensors shards, a
    state dict or a training checkpoint of `torch.save`, TorchScript, or torch.export's `.pt2`.
    A prefix such as `module.` is taken off, or put before, where all names fit then. What was
    not taken as it stands is told by an `OxidizedVisionWarning`.

    Args:
        network: Filled in place; as it was, or partly filled, after an error.
        path: The file.
        key: Dotted keys of the state dict to take, such as `ema`; None takes the trained weights.
        trust: Let a pickle run its code, in a process of its own; only tensors come back.
        folders: Where modules that a trusted pickle names are looked for.

    Raises:
        OxidizedVisionError: `checkpoint` when the file is refused, is no checkpoint, changes
            meanwhile or does not fit the network; `not_found` or `file_system`.
    """
    require("torch", "reading a checkpoint")
    kind, needs = file_kind(path), _needs(network)
    with _unchanged(checkpoint_files(path)), _states(path, kind, network, trust, folders) as states:
        choice = choose(path, states, needs, key)
        _fill(network, path, needs, choice)
        notes = [*choice.notes, *_cast_notes(network, choice)] if choice.fitting else []
    if notes:
        warnings.warn(f"{path}: {'; '.join(notes)}", OxidizedVisionWarning, stacklevel=2)


def _fill(network: torch.nn.Module, path: Path, needs: Needs, choice: Choice) -> None:
    """Put the chosen tensors into the network.

    What does not fit as it is may yet be known to hooks of the network, which rename what older
    versions of it were saved with.
    """
    state = choice.option.state
    if choice.fitting:
        _refuse_unusable(path, state)
        _refuse_complex(path, network, choice)
        tensors = {name: state.tensors[key] for key, name in choice.option.fit.names.items()}
    else:
        tensors = state.tensors
    fault = _fault(network, tensors, needs)
    if fault is None:
        return
    _refuse_unusable(path, state)
    if choice.fitting:
        raise refused(
            path,
            f"does not fit {type(network).__name__}: {fault}",
            "Correct what the network does in load_state_dict.",
        )
    raise misfit(path, network, needs, choice)


@contextmanager
def _states(
    path: Path, kind: FileKind, network: torch.nn.Module, trust: bool, folders: Sequence[Path]
) -> Iterator[list[StateDict]]:
    """The state dicts in a file."""
    if kind is FileKind.SAFETENSORS:
        yield [StateDict("", _read_safetensors(path))]
    elif kind is FileKind.INDEX:
        yield [StateDict("", _read_shards(path))]
    else:
        request = Request(
            source=str(path.resolve()),
            kind=kind.value,
            folder="",
            trust=trust,
            folders=tuple(str(folder.resolve()) for folder in folders),
            main=_file_of(network),
        )
        with read_apart(path, request) as states:
            yield states


def _file_of(network: torch.nn.Module) -> str | None:
    """The Python file that the network's class is written in."""
    module = sys.modules.get(type(network).__module__)
    file = getattr(module, "__file__", None)
    return str(file) if file else None


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    with file_errors(path):
        # Not mapped into memory: reading a file that is cut meanwhile would end this process.
        content = path.read_bytes()
    try:
        tensors: dict[str, torch.Tensor] = load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise refused(path, f"is not a whole safetensors file: {error}", _SAVE_AGAIN) from error
    if not tensors:
        raise refused(path, "holds no tensors", _SAVE_AGAIN)
    return tensors


def _read_shards(index: Path) -> dict[str, torch.Tensor]:
    named = shards(index)
    tensors: dict[str, torch.Tensor] = {}
    for shard in checkpoint_files(index)[1:]:
        content = _read_safetensors(shard)
        wanted = {name for name, file in named.items() if file == shard.name}
        lacking = sorted(wanted - content.keys())
        if lacking:
            raise refused(
                shard, f"lacks {lacking[0]}, which {index.name} says it holds", _SAVE_AGAIN
            )
        tensors.update({name: content[name] for name in wanted})
    return tensors


@contextmanager
def _unchanged(files: Sequence[Path]) -> Iterator[None]:
    """Make sure that files are the same before and after they were read."""

    def states() -> dict[Path, tuple[int, int, int]]:
        found = {}
        for file in files:
            with file_errors(file):
                status = file.stat()
            found[file] = (status.st_ino, status.st_size, status.st_mtime_ns)
        return found

    before = states()
    try:
        yield
    finally:
        after = states()
        for file in files:
            if after[file] != before[file]:
                raise refused(file, "changed while it was read", "Try again once it is complete.")


def _needs(network: torch.nn.Module) -> Needs:
    import torch
    from torch.nn.parameter import is_lazy

    state = network.state_dict(keep_vars=True)
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    groups: dict[int, set[str]] = {}
    for name, tensor in tensors.items():
        groups.setdefault(id(tensor), set()).add(name)
    buffers = {name for name, _ in network.named_buffers(remove_duplicate=False)}
    return Needs(
        shapes={
            name: None if is_lazy(tensor) else tuple(tensor.shape)
            for name, tensor in tensors.items()
        },
        ties={
            name: frozenset(group - {name})
            for group in groups.values()
            if len(group) > 1
            for name in group
        },
        own=frozenset(buffers - state.keys()),
    )


def _refuse_unusable(path: Path, state: StateDict) -> None:
    if state.unusable:
        listed = [f"{key} is {reason}" for key, reason in state.unusable.items()]
        more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        raise refused(
            path,
            f"holds tensors that are not plain numbers: {', '.join(listed[:_SHOWN])}{more}",
            "Save them as dense floating point, tensor.dequantize() or tensor.to_dense().",
        )


def _refuse_complex(path: Path, network: torch.nn.Module, choice: Choice) -> None:
    own = network.state_dict()
    for key, name in choice.option.fit.names.items():
        tensor = choice.option.state.tensors[key]
        if tensor.is_complex() and not own[name].dtype.is_complex:
            raise refused(
                path,
                f"holds complex numbers in {key}, where the network has {_word(own[name].dtype)}",
                "Save the real part, or a network that takes complex weights.",
            )


def _cast_notes(network: torch.nn.Module, choice: Choice) -> list[str]:
    """One note for each element type that becomes another."""
    own = network.state_dict()
    counts: Counter[tuple[str, str]] = Counter()
    for key, name in choice.option.fit.names.items():
        types = _word(choice.option.state.tensors[key].dtype), _word(own[name].dtype)
        counts[types] += types[0] != types[1]
    return [
        f"{count} tensors are {file} and become {network_type}"
        for (file, network_type), count in counts.items()
        if count
    ]


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _fault(network: torch.nn.Module, state: Mapping[str, torch.Tensor], needs: Needs) -> str | None:
    """What keeps the network from taking every tensor; None when it has taken them."""
    try:
        result = network.load_state_dict(_versioned(state, network), strict=False)
    except Exception as error:  # noqa: BLE001 - hooks of the network may raise any
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {' '.join(lines[:_SHOWN])}"
    wanted = [key for key in result.missing_keys if key in needs.shapes]
    lacking = [key for key in wanted if not needs.may_lack(key, state)]
    left = [*lacking, *result.unexpected_keys]
    return f"{', '.join(left[:_SHOWN])} found no place" if left else None


def _versioned(
    state: Mapping[str, torch.Tensor], network: torch.nn.Module
) -> OrderedDict[str, torch.Tensor]:
    """The state with the versions of the network's own modules, which files do not always keep.

    Some modules, such as torchvision's MNASNet, refuse a state without them.
    """
    versioned = OrderedDict(state)
    versioned._metadata = getattr(network.state_dict(), "_metadata", None)  # type: ignore[attr-defined]
    return versioned
