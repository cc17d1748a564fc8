"""How long everything is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Rounds of fresh processes, windows in each, and seconds.

    window_s: of throughput. tune_s: of one setting of a peer. steady_s: of one window at the common
    rate. single_s: of one window of a single client. overload_s: of the load that is too much.
    warmup_s: before each window. idle_s: before memory is looked at. starts: of the idle server.
    """

    rounds: int
    windows: int
    window_s: float
    tune_s: float
    steady_s: float
    single_windows: int = 12
    single_s: float = 1.0
    overload_s: float = 60.0
    idle_s: float = 2.0
    starts: int = 5
    warmup_s: float = 0.5


QUICK = Scale(1, 2, 1.5, 2.0, 4.0, single_windows=3, overload_s=8.0, starts=2)
FULL = {
    "mobilenet_v2": Scale(3, 5, 2.0, 4.0, 5.0),
    # A picture of 640 x 640 takes it about half a second.
    "denoiser": Scale(3, 3, 8.0, 10.0, 20.0, warmup_s=4.0),
}
