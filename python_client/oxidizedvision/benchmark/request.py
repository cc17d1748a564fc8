"""What the processes that measure are asked for.

Apart from the modules that these processes run: where their package imports such a module, Python
warns of it, and the warning would stand in the message about a process that died.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from oxidizedvision.runners.oneshot import Request


@dataclass(frozen=True)
class MeasureRequest(Request):
    """What to measure.

    asked_shapes: of inputs by name, which the model must take, in place of the examples'.
    batch_size: in place of the leading axis of the shapes. compiled: through torch.compile.
    """

    asked_shapes: dict[str, list[int]] = field(default_factory=dict)
    batch_size: int = 1
    precision: str = "fp32"
    options: dict[str, str] = field(default_factory=dict)
    compiled: bool = False


@dataclass(frozen=True)
class ProfileRequest(MeasureRequest):
    """What to profile, and in how many runs."""

    runs: int = 20
