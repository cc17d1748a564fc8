"""Memory of a PyTorch network's activations, followed storage by storage as it runs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from torch._ops import OpOverload


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is entered, follows every storage that operators make, until nothing holds it.

    Tensors that were there before (parameters, buffers, constants of the network) are left out,
    but for the inputs, which count from start to end. Views share a storage and count once.

    Args:
        inputs: The network's inputs.
        where: Gives the name of what is running.
    """

    def __init__(self, inputs: Iterable[torch.Tensor], where: Callable[[], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._where = where
        self._live: dict[int, int] = {}
        self._outside: dict[int, torch.UntypedStorage] = {}
        self.made = 0
        self.live = 0
        for tensor in inputs:
            self._leave_outside(tensor)
            self.live += tensor.nbytes
        self.peak = self.live
        self.peak_at = ""

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        del types
        for value in tree_leaves((args, kwargs)):
            self._leave_outside(value)
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            self._follow(value)
        return result

    def _leave_outside(self, value: Any) -> None:
        """Keep a storage that no operator of this run made, so that its address is not reused."""
        storage = _storage(value)
        if storage is not None and storage._cdata not in self._live:
            self._outside[storage._cdata] = storage

    def _follow(self, value: Any) -> None:
        storage = _storage(value)
        if storage is None:
            return
        key, size = storage._cdata, storage.nbytes()
        if key in self._outside or key in self._live:
            return
        self._live[key] = size
        weakref.finalize(storage, self._freed, key).atexit = False
        self.made += size
        self.live += size
        if self.live > self.peak:
            self.peak, self.peak_at = self.live, self._where()

    def _freed(self, key: int) -> None:
        self.live -= self._live.pop(key)


def _storage(value: Any) -> torch.UntypedStorage | None:
    if not isinstance(value, torch.Tensor):
        return None
    try:
        return value.untyped_storage()
    except (NotImplementedError, RuntimeError):  # sparse tensors have none
        return None
