"""Which layers compute in INT8: all, then the worst back to float until the budget holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.quantize.judge import Judge, Standing
from oxidizedvision.quantize.quantizer import Layer
from oxidizedvision.quantize.report import LayerSensitivity, Trial

QUICK_SAMPLES = 8
"""Inputs that a layer's sensitivity is taken on."""

MOST_WON_BACK = 24
"""Layers that are tried in INT8 again, once the budget holds."""

ENDS = {Kind.INTERRUPTED, Kind.DEPENDENCY_MISSING, Kind.CONFIG}
"""Errors that are not about the form that was tried."""

Build = Callable[[Sequence[str], bool], bytes]
"""Makes the model with the layers named here in float, on 8-bit weights where that is true."""


@dataclass(frozen=True)
class Form:
    """A model that was tried. exclude: the nodes that stay in float."""

    trial: Trial
    content: bytes = b""
    exclude: tuple[str, ...] = ()


@dataclass
class Tried:
    """Everything that was tried so far, in order."""

    judge: Judge
    max_drop: float
    weight_bytes: Callable[[bytes], int]
    forms: list[Form] = field(default_factory=list)

    def attempt(
        self,
        name: str,
        build: Callable[[], bytes],
        exclude: Sequence[str] = (),
        *,
        most: int | None = None,
    ) -> Form:
        """Make a form and score it; one that fails is a form without content.

        Args:
            name: In the table.
            build: Makes the model.
            exclude: The nodes in float.
            most: Score it on so many samples only, and leave it out of the table.
        """
        try:
            content = build()
            standing = self.judge.standing(content, most)
        except OxidizedVisionError as error:
            if error.kind in ENDS:
                raise
            form = Form(Trial(name, len(exclude), failed=error.message), b"", tuple(exclude))
        else:
            form = Form(self._trial(name, content, exclude, standing), content, tuple(exclude))
        if most is None:
            self.forms.append(form)
        return form

    def _trial(
        self, name: str, content: bytes, exclude: Sequence[str], standing: Standing
    ) -> Trial:
        return Trial(
            name=name,
            float_layers=len(exclude),
            bytes=len(content),
            weight_bytes=self.weight_bytes(content),
            metric=standing.metric,
            drop=standing.drop,
            latency_ms=standing.latency_ms,
            keeps=standing.drop <= self.max_drop,
        )

    def table(self) -> tuple[Trial, ...]:
        """The trials, those on the Pareto front marked."""
        trials = [form.trial for form in self.forms]
        return tuple(
            dataclasses.replace(trial, pareto=_on_front(trial, trials)) for trial in trials
        )


def _on_front(trial: Trial, trials: Sequence[Trial]) -> bool:
    """Whether no other is at least as good in drop, bytes and latency, and better in one."""
    own = _costs(trial)
    others = [_costs(other) for other in trials if other is not trial]
    return own is not None and not any(
        other != own and all(one <= two for one, two in zip(other, own, strict=True))
        for other in others
        if other is not None
    )


def _costs(trial: Trial) -> tuple[float, int, float] | None:
    if trial.drop is None or trial.bytes is None or trial.latency_ms is None:
        return None
    return (trial.drop, trial.bytes, trial.latency_ms)


@dataclass(frozen=True)
class Found:
    """The best form that keeps the budget, or None, and what each layer alone does."""

    best: Form | None
    sensitivity: tuple[LayerSensitivity, ...] = ()


def search(
    tried: Tried,
    layers: Sequence[Layer],
    build: Build,
    whole: Form,
    *,
    name: str,
    always: Sequence[str] = (),
    notify: Notify = silent,
) -> Found:
    """Restore the fewest layers to float that let the budget hold.

    Layers are ranked by what each alone does to the metric. The shortest beginning of that ranking
    that keeps the budget is found by bisection, then layers that matter least are tried in INT8
    again. Layers in float keep 8-bit weights, unless the budget asks for more.

    Args:
        tried: What scores, and takes down what was tried.
        layers: Those that compute in INT8.
        build: Makes the model with some of them in float.
        whole: The model with none of them in float.
        name: What trials are called.
        always: Nodes that are in float whatever comes, none of `layers`.
        notify: Told what is being done.
    """
    if whole.trial.keeps:
        return Found(whole)
    drops = _sensitivities(tried, layers, partial(_beside, build, always), notify)
    ranked = sorted(layers, key=lambda layer: -_or_worst(drops[layer.name]))
    names = [layer.name for layer in ranked]
    best = None
    for small_weights, words in ((True, ""), (False, ", with their weights")):
        built = partial(_built, build, small_weights)
        restore = _Restoring(tried, built, f"{name}{words}", tuple(always), notify)
        best = restore.shortest(names)
        if best is not None:
            best = restore.won_back(names, best)
            break
    excluded = set(best.exclude) if best else set(names)
    rows = tuple(
        LayerSensitivity(
            layer.name,
            layer.module,
            layer.op_type,
            drops[layer.name],
            "float" if layer.name in excluded else "int8",
        )
        for layer in ranked
    )
    return Found(best, rows)


def _sensitivities(
    tried: Tried, layers: Sequence[Layer], build: Build, notify: Notify
) -> dict[str, float | None]:
    """The drop of each layer alone in INT8; None where that failed."""
    drops: dict[str, float | None] = {}
    for number, layer in enumerate(layers):
        notify(f"measuring what each layer does: {number + 1} of {len(layers)}")
        others = [other.name for other in layers if other is not layer]
        form = tried.attempt(layer.name, partial(build, others, False), others, most=QUICK_SAMPLES)
        drops[layer.name] = form.trial.drop
    return drops


def _or_worst(drop: float | None) -> float:
    return float("inf") if drop is None else drop


def _beside(build: Build, always: Sequence[str], exclude: Sequence[str], small: bool) -> bytes:
    return build([*exclude, *always], small)


def _built(build: Build, small_weights: bool, exclude: Sequence[str]) -> bytes:
    return build(exclude, small_weights)


@dataclass(frozen=True)
class _Restoring:
    """Forms with more or fewer layers in float."""

    tried: Tried
    build: Callable[[Sequence[str]], bytes]
    name: str
    always: Sequence[str]
    notify: Notify

    def shortest(self, ranked: Sequence[str]) -> Form | None:
        """The form with the fewest of the worst layers in float that keeps the budget."""
        best: Form | None = None
        low, high, step = 0, len(ranked) - 1, 1
        while low < high and best is None:
            count = min(low + step, high)
            form = self._restored(ranked[:count])
            if form.trial.keeps:
                best, high = form, count
            else:
                low, step = count, 2 * step
        while best is not None and high - low > 1:
            middle = (low + high) // 2
            form = self._restored(ranked[:middle])
            if form.trial.keeps:
                best, high = form, middle
            else:
                low = middle
        return best

    def won_back(self, ranked: Sequence[str], best: Form) -> Form:
        """Layers that matter least are tried in INT8 again, one after the other."""
        restored = [layer for layer in ranked if layer in best.exclude]
        for layer in list(reversed(restored))[:MOST_WON_BACK]:
            if len(best.exclude) == 1 + len(self.always):
                break
            form = self._restored([other for other in best.exclude if other != layer])
            if form.trial.keeps:
                best = form
        return best

    def _restored(self, restored: Sequence[str]) -> Form:
        exclude = tuple(dict.fromkeys((*restored, *self.always)))
        count = len(exclude)
        self.notify(f"INT8 with {count} layer{'' if count == 1 else 's'} in float")
        name = f"{self.name}, {count} in float"
        return self.tried.attempt(name, partial(self.build, exclude), exclude)
