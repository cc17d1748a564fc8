"""From values to pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_WIDE = 10.0
"""Values that differ by more are shown on a logarithmic scale."""
_MOST_TICKS = 6


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` on pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value; values beyond the ends stand at them."""
        low, high, value = self._even(self.low), self._even(self.high), self._even(value)
        share = (value - low) / (high - low) if high > low else 0.0
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values between the ends."""
        return self._log_ticks() if self.log else self._linear_ticks()

    def _even(self, value: float) -> float:
        return math.log10(max(value, self.low)) if self.log else value

    def _linear_ticks(self) -> list[float]:
        span = self.high - self.low
        if not span > 0:
            return [self.low]
        raw = span / _MOST_TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def _log_ticks(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        powers = range(first, last + 1)
        if self.high <= 300 * self.low:
            steps = range(1, 10) if self.high < 4 * self.low else (1, 2, 5)
            values = [m * 10.0**power for power in powers for m in steps]
        else:
            stride = math.ceil((last - first) / _MOST_TICKS)
            values = [10.0**power for power in powers if (power - first) % stride == 0]
        return [value for value in values if self.low * 0.999 <= value <= self.high * 1.001]


def scale_for(
    values: Iterable[float], start: float, end: float, *, log: bool | None = None
) -> Scale:
    """A scale that holds the values: from zero, or logarithmic where they differ widely.

    Args:
        values: Those that are not finite do not count.
        start: The pixel of the least.
        end: The pixel of the largest.
        log: Whether logarithmic; None lets the values decide. Zeros stand at its lower end.
    """
    finite = [value for value in values if math.isfinite(value)]
    above = [value for value in finite if value > 0]
    if not above:
        return Scale(0.0, 1.0, start, end)
    if log is None:
        log = max(above) > _WIDE * min(above)
    if log:
        return Scale(min(above) / 1.3, max(above) * 1.3, start, end, log=True)
    return Scale(0.0, max(above) * 1.05, start, end)
