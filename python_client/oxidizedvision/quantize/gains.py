"""Which sorts of layers an engine computes sooner in 8 bits: timed, not taken on trust.

An engine may have a fast kernel of 8 bits for one sort of layer and a slow one for another. With
all of them in INT8 the slow ones eat up what the others gain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from oxidizedvision.benchmark.statistics import NO_DIFFERENCE
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.quantize.quantizer import Layer
from oxidizedvision.quantize.report import Timing
from oxidizedvision.quantize.request import QuantizeRequest
from oxidizedvision.quantize.search import ENDS
from oxidizedvision.quantize.timing import timed

_ALL = "all"

Build = Callable[[Sequence[str], bool], bytes]


@dataclass(frozen=True)
class Gains:
    """slow: layers that stay in float. sorts: those that do not; empty where all are in INT8."""

    slow: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    note: str = ""


def gaining(
    request: QuantizeRequest,
    layers: Sequence[Layer],
    build: Build,
    shapes: Mapping[str, tuple[int, ...]],
    notify: Notify = silent,
) -> Gains:
    """The sorts of layers that are worth computing in INT8, where these are not all of them.

    Each sort alone is timed beside FP32; then those that gain, those that do not lose, and all of
    them, with and without what lies between. Where the engine cannot run one of these, or none
    gains, nothing is said.

    Args:
        request: The model and its engine.
        layers: Those that can compute in INT8.
        build: Makes the model with the layers named here in float, and what lies between layers
            in INT8 too where that is true.
        shapes: Of the inputs that all are timed on, by name.
        notify: Told what is being done.
    """
    sorts = {layer.sort for layer in layers}
    if len(sorts) < 2:
        return Gains()
    notify("timing each sort of layers in INT8")
    trials = _Trials(request, layers, build, shapes, notify)
    try:
        alone = trials.timings({sort: {sort} for sort in sorted(sorts)})
        faster = {sort for sort, it in alone.items() if it.verdict == "faster"}
        alike = {sort for sort, it in alone.items() if it.verdict == NO_DIFFERENCE}
        wanted = {_ALL: sorts, "faster": faster, "no slower": faster | alike}
        if not faster or faster == sorts:
            return Gains()
        together = trials.timings(wanted, between=True)
    except OxidizedVisionError as error:
        if error.kind in ENDS:
            raise
        return Gains()  # whoever makes that form for good says why
    best = min(together, key=lambda name: together[name].ratio, default=_ALL)
    kept = wanted.get(best, sorts)
    if kept == sorts:
        return Gains()
    slow = tuple(layer.name for layer in layers if layer.sort not in kept)
    return Gains(slow, tuple(sorted(kept)), _note(sorts - kept, together, best))


@dataclass(frozen=True)
class _Trials:
    request: QuantizeRequest
    layers: Sequence[Layer]
    build: Build
    shapes: Mapping[str, tuple[int, ...]]
    notify: Notify

    def timings(
        self, wanted: Mapping[str, Set[str]], *, between: bool = False
    ) -> dict[str, Timing]:
        """By name, of sorts in INT8 and, where wanted, of all with what lies between."""
        forms = {
            name: self.build([it.name for it in self.layers if it.sort not in kept], False)
            for name, kept in wanted.items()
        }
        if between:
            forms["between layers too"] = self.build([], True)
        found = timed(self.request, forms, self.shapes, self.notify)
        return {name: it for name, it in found.items() if isinstance(it, Timing)}


def _note(slow: Set[str], timings: Mapping[str, Timing], best: str) -> str:
    told = (
        f"layers stay in float ({', '.join(sorted(slow))}): without them INT8 takes "
        f"{timings[best].ratio:.2f} of FP32's time"
    )
    return f"{told}, with them {timings[_ALL].ratio:.2f}" if _ALL in timings else told
