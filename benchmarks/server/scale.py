"""How long everything is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scale:
    """Rounds of fresh processes, windows in each, and seconds.

    window_s: of throughput. tune_s: of one setting of a peer. steady_s: of one window at the common
    rate. tensor_windows, late_windows: so many of those in each round. single_s: of one window of a
    single client. overload_s: of the load that is too much. warmup_s: before each window. idle_s:
    before memory is looked at. starts: of the idle server. batches: whether peers are tuned with
    batches too. warm: whether the first window of a round is left out. queue: pictures that may
    wait in our overloaded server; None: as many as by default.
    """

    rounds: int
    windows: int
    window_s: float
    tune_s: float
    steady_s: float
    tensor_windows: int = 1
    late_windows: int = 2
    single_windows: int = 8
    single_s: float = 1.0
    overload_s: float = 60.0
    idle_s: float = 2.0
    starts: int = 5
    warmup_s: float = 0.5
    batches: bool = True
    warm: bool = True
    queue: int | None = None


# A picture of 640 x 640 takes the denoiser about half a second, and 8 at once are done at about the
# same time: windows must be longer than that, batches could only delay the others, and a queue of
# the default length would take minutes.
_SLOW: dict[str, Any] = {"warmup_s": 5.0, "batches": False, "warm": False, "queue": 16}
QUICK = {
    "mobilenet_v2": Scale(
        1, 1, 1.5, 2.0, 3.0, late_windows=1, single_windows=2, overload_s=6.0, starts=2
    ),
    "denoiser": Scale(
        1, 1, 8.0, 8.0, 8.0, late_windows=1, single_windows=2, overload_s=20.0, **_SLOW
    ),
}
FULL = {
    "mobilenet_v2": Scale(3, 3, 2.0, 2.5, 5.0, tensor_windows=6),
    "denoiser": Scale(
        2, 1, 8.0, 8.0, 15.0, tensor_windows=4, late_windows=1, single_windows=5, **_SLOW
    ),
}
