"""Hooks on every module, which split a running total among the modules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import torch
    from torch.utils.hooks import RemovableHandle

Meter = Callable[[], int]
OnOutput = Callable[[str, Any], None]


@dataclass
class _Call:
    name: str
    start: int
    children: int = 0


@dataclass
class Watch:
    """While it is entered, `own` grows by what the meter moves within each module.

    What moves within a child belongs to the child alone. The root's name is empty; a module that
    stands in several places has the name of the first one. Script modules take no hooks: what
    happens in them belongs to the module that holds them.

    on_output: told the name and the result of every call.
    """

    module: torch.nn.Module
    meter: Meter
    on_output: OnOutput | None = None
    own: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    calls: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    whole: int = 0
    _stack: list[_Call] = field(default_factory=list)
    _hooks: list[RemovableHandle] = field(default_factory=list)

    @property
    def current(self) -> str:
        """The module that is running; the root's empty name outside of all."""
        return self._stack[-1].name if self._stack else ""

    def __enter__(self) -> Self:
        for name, layer in self.module.named_modules():
            self._hook(name, layer)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _hook(self, name: str, layer: torch.nn.Module) -> None:
        def before(*_: Any) -> None:
            self._stack.append(_Call(name, self.meter()))

        def after(_: torch.nn.Module, __: Any, output: Any) -> None:
            self._leave()
            if self.on_output is not None:
                self.on_output(name, output)

        try:
            first = layer.register_forward_pre_hook(before)
        except RuntimeError:  # a script module
            return
        # Also where forward raises: a network may catch that and go on.
        self._hooks += [first, layer.register_forward_hook(after, always_call=True)]

    def _leave(self) -> None:
        call = self._stack.pop()
        moved = self.meter() - call.start
        self.own[call.name] += moved - call.children
        self.calls[call.name] += 1
        if self._stack:
            self._stack[-1].children += moved
        else:
            self.whole += moved
