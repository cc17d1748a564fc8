"""Which of the forms that keep the budget comes out: by time beside FP32, then by size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from oxidizedvision.benchmark.statistics import NO_DIFFERENCE
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.core.text import counted
from oxidizedvision.quantize.report import TOO_SHORT, Timing
from oxidizedvision.quantize.request import QuantizeRequest
from oxidizedvision.quantize.search import Form
from oxidizedvision.quantize.timing import timed


@dataclass(frozen=True)
class Choice:
    """form: None where none is as good as FP32. timing: of that form, else of the first."""

    form: Form | None
    timing: Timing | None
    reason: str


def chosen(
    request: QuantizeRequest,
    forms: Sequence[Form],
    shapes: Mapping[str, tuple[int, ...]],
    notify: Notify = silent,
) -> Choice:
    """Time forms beside FP32, and take the fastest, then smallest, that is no worse.

    The one that is taken is timed once more by itself and longer: the best of several looks better
    than it is, since chance had a part in its being the best.

    Args:
        request: The model, its engine, and whether what is worse is kept all the same.
        forms: One at least, each within the budget.
        shapes: Of the inputs that all are timed on, by name.
        notify: Told what is being done.
    """
    notify(f"timing {counted(len(forms), 'form')} beside FP32")
    contents = {form.trial.name: form.content for form in forms}
    timings = timed(request, contents, shapes, notify)
    refused: list[str] = []
    ran: list[tuple[Form, Timing]] = []
    good: list[tuple[Form, Timing]] = []
    for form in forms:
        timing = timings[form.trial.name]
        if isinstance(timing, OxidizedVisionError):
            refused.append(f"{form.trial.name}: {timing.message}")
            continue
        ran.append((form, timing))
        if worse := _worse(request, form, timing):
            refused.append(f"{form.trial.name}: {worse}")
        else:
            good.append((form, timing))
    cost = partial(_cost, len(request.base))
    while good:
        best, timing = min(good, key=cost)
        good.remove((best, timing))
        ran.remove((best, timing))
        notify(f"timing {best.trial.name} again, for longer")
        name = best.trial.name
        again = timed(request, {name: best.content}, shapes, notify, sure=True)[name]
        if isinstance(again, OxidizedVisionError):
            refused.append(f"{name}: {again.message}")
        elif worse := _worse(request, best, again):
            refused.append(f"{name}: timed again, {worse}")
            ran.append((best, again))
        else:
            return Choice(best, again, _praise(best, again))
    why = "; ".join(refused)
    if ran and request.force:
        best, timing = min(ran, key=cost)
        return Choice(best, timing, f"forced, though {why}")
    return Choice(None, ran[0][1] if ran else None, why)


def _worse(request: QuantizeRequest, form: Form, timing: Timing) -> str:
    """How a form is worse than FP32; empty where it is not."""
    if timing.is_slower:
        return f"it takes {timing.ratio:.2f} times as long as FP32"
    if len(form.content) >= len(request.base):
        return "it is not smaller than FP32"
    return ""


def _cost(base: int, pair: tuple[Form, Timing]) -> tuple[float, float, float]:
    """Time, as far as it differs from FP32's, then bytes to a hundredth of FP32's, then time."""
    form, timing = pair
    alike = timing.verdict in {NO_DIFFERENCE, TOO_SHORT}
    return 1.0 if alike else timing.ratio, round(len(form.content) / base, 2), timing.ratio


def _praise(form: Form, timing: Timing) -> str:
    if timing.verdict == TOO_SHORT:
        runs = f"runs of {timing.fp32_ms:.2g} and {timing.ms:.2g} ms are {TOO_SHORT}"
        return f"{form.trial.name}: for its size, as {runs}"
    speed = (
        f"{timing.ratio:.2f} times FP32's time" if timing.verdict == "faster" else "as fast as FP32"
    )
    return f"{form.trial.name}: {speed}"
