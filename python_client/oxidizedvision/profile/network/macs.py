"""Multiply-adds of a PyTorch network, operator by operator as it runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.backends import mkldnn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from torch._ops import OpOverload

_UNCOUNTED = (
    "aten._cdist_forward",
    "aten._fft_",
    "aten._int_mm",
    "aten._sparse_",
    "aten._trilinear",
    "aten._weight_int",
    "aten.linalg_",
    "aten.quantized_gru",
    "aten.quantized_lstm",
    "aten.sparse_",
)
"""Starts of the names of operators of PyTorch itself that multiply and that nothing counts."""

_OWN_NAMESPACES = frozenset({"aten", "prim", "prims", "profiler"})
_CHEAP = frozenset({"torchvision.nms", "torchvision.roi_align", "torchvision.roi_pool"})


@contextmanager
def without_fast_path() -> Iterator[None]:
    """Let attention run as the operators that it is made of, in place of a single one."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class MacCounter:
    """Counts while it is entered: `total` grows as the network runs.

    Attention and recurrent layers run as their plain matrix products meanwhile: what the counter
    of PyTorch knows nothing of (fused attention, oneDNN's recurrent layers) would count as 0.
    """

    def __init__(self) -> None:
        self._counter = FlopCounterMode(display=False, custom_mapping=_formulas())
        self._seen = _SeenOperators()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what runs in the block."""
        with _plain_products(), self._seen, self._counter:
            yield

    def total(self) -> int:
        """Multiply-adds so far."""
        return int(self._counter.get_total_flops()) // 2

    def not_counted(self) -> tuple[str, ...]:
        """Operators that ran, that multiply or may, and that are not in the total."""
        known = self._counter.flop_registry
        return tuple(
            f"{packet} ({count} times)" if count > 1 else str(packet)
            for packet, count in self._seen.packets.items()
            if packet not in known and _may_multiply(str(packet))
        )


class _SeenOperators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Stands below the counter, which has taken composed operators apart before they come here."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.packets: Counter[Any] = Counter()

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        del types
        self.packets[func._overloadpacket] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def _plain_products() -> Iterator[None]:
    one_dnn = mkldnn.enabled
    mkldnn.enabled = False  # type: ignore[assignment]
    try:
        with without_fast_path(), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        mkldnn.enabled = one_dnn


def _may_multiply(name: str) -> bool:
    namespace = name.partition(".")[0]
    if namespace in _OWN_NAMESPACES:
        return name.startswith(_UNCOUNTED)
    if namespace == "quantized":
        return "conv" in name or "linear" in name or "matmul" in name
    return name not in _CHEAP


def _formulas() -> dict[Any, Callable[..., int]]:
    """Operations (two for a multiply-add) of what PyTorch's own counter has no formula for."""
    aten = torch.ops.aten
    formulas: dict[Any, Callable[..., int]] = {
        aten.mv: lambda matrix, *_, **__: 2 * _size(matrix),
        aten.addmv: lambda _, matrix, *__, **___: 2 * _size(matrix),
        aten.dot: lambda vector, *_, **__: 2 * _size(vector),
        aten.vdot: lambda vector, *_, **__: 2 * _size(vector),
        aten.affine_grid_generator: _affine_grid,
    }
    for name in ("conv1d", "conv2d", "conv3d", "linear", "linear_dynamic"):
        for ending in ("", "_relu"):
            packet = getattr(torch.ops.quantized, name + ending, None)
            if packet is not None:
                formulas[packet] = _packed
    if hasattr(torch.ops.torchvision, "deform_conv2d"):
        formulas[torch.ops.torchvision.deform_conv2d] = _deformable
    return formulas


def _size(shape: Sequence[int]) -> int:
    return math.prod(shape)


def _affine_grid(matrix: Sequence[int], *_: Any, out_shape: Any, **__: Any) -> int:
    return 2 * _size(out_shape) * matrix[-1]


def _deformable(_: Any, weight: Sequence[int], *__: Any, out_shape: Any, **___: Any) -> int:
    return 2 * _size(out_shape) * _size(weight[1:])


def _packed(_: Any, weights: Any, *__: Any, out_val: torch.Tensor, **___: Any) -> int:
    """Of a quantised layer: every output value takes one row of the packed weights."""
    weight = weights.unpack()[0]
    per_output: int = math.prod(weight.shape[1:])
    return 2 * out_val.numel() * per_output


# The counter hands over tensors in place of shapes.
_packed._get_raw = True  # type: ignore[attr-defined]
