"""What the modules of a PyTorch network hold: parameters, buffers and packed weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from oxidizedvision.core.tensors import DTYPE_OF_NUMPY
from oxidizedvision.runners.torch_outputs import leaves


@dataclass(frozen=True)
class Held:
    """What one module holds itself, without its children and without what an earlier one has."""

    parameters: tuple[torch.Tensor, ...]
    buffers: tuple[torch.Tensor, ...]

    @property
    def elements(self) -> int:
        """Of the parameters."""
        return sum(tensor.numel() for tensor in self.parameters)

    @property
    def bytes(self) -> int:
        """Of parameters and buffers."""
        return sum(map(bytes_of, (*self.parameters, *self.buffers)))


def held_by_module(network: torch.nn.Module) -> dict[str, Held]:
    """By the modules' names; a tensor that several modules hold is the first one's."""
    seen: set[int] = set()
    held = {}
    for name, module in network.named_modules():
        parameters = [*_new(module._parameters, seen), *_new(_packed(module), seen)]
        held[name] = Held(tuple(parameters), tuple(_new(module._buffers, seen)))
    return held


def _new(found: dict[str, Any], seen: set[int]) -> Iterator[torch.Tensor]:
    for tensor in found.values():
        if isinstance(tensor, torch.Tensor) and id(tensor) not in seen:
            seen.add(id(tensor))
            yield tensor


def _packed(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights that are neither parameters nor buffers and yet are saved: a quantised layer's.

    They are unpacked anew at every call, so they have names only.
    """
    if type(module)._save_to_state_dict is torch.nn.Module._save_to_state_dict:
        return {}
    saved: dict[str, Any] = {}
    module._save_to_state_dict(saved, "", True)
    own = {id(tensor) for tensor in (*module._parameters.values(), *module._buffers.values())}
    known = module._parameters.keys() | module._buffers.keys()
    return {
        ".".join([name, *map(str, path)]): value
        for name, saved_value in saved.items()
        for path, value in leaves(saved_value)
        if isinstance(value, torch.Tensor) and id(value) not in own and name not in known
    }


def bytes_of(tensor: torch.Tensor) -> int:
    """The bytes of a tensor's elements."""
    return tensor.numel() * tensor.element_size()


def bytes_by_dtype(held: dict[str, Held]) -> dict[str, int]:
    """The bytes of all tensors by our names of element types."""
    total: defaultdict[str, int] = defaultdict(int)
    for module in held.values():
        for tensor in (*module.parameters, *module.buffers):
            name = str(tensor.dtype).removeprefix("torch.")
            total[DTYPE_OF_NUMPY.get(name, name)] += bytes_of(tensor)
    return dict(total)
