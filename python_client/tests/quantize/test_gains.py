"""Sorts of layers that the engine computes no sooner in INT8 stay in float."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.quantize.gains import Gains, gaining
from oxidizedvision.quantize.quantizer import Layer
from oxidizedvision.quantize.report import Timing
from oxidizedvision.quantize.request import QuantizeRequest

SORTS = {"a": "convolution", "b": "convolution", "c": "depthwise", "d": "pointwise"}
LAYERS = [Layer(name, "Conv", "", 4, sort) for name, sort in SORTS.items()]
REQUEST = cast(QuantizeRequest, SimpleNamespace(engine="engine"))
ALL = "convolution depthwise pointwise"


def timing(ratio: float) -> Timing:
    verdict = "no significant difference"
    if abs(ratio - 1) > 0.02:
        verdict = "faster" if ratio < 1 else "slower"
    return Timing(10.0, 10.0 * ratio, ratio, (ratio, ratio), verdict, 1)


def gains_where(
    ratios: Mapping[str, float], monkeypatch: pytest.MonkeyPatch, layers: Sequence[Layer] = LAYERS
) -> tuple[Gains, list[list[str]]]:
    """What is found with these ratios, by the sorts in INT8; and the forms of every round."""
    rounds: list[list[str]] = []

    def timed(_: Any, forms: Mapping[str, bytes], *__: Any) -> Mapping[str, Any]:
        made = {name: json.loads(content) for name, content in forms.items()}
        rounds.append(sorted(made.values()))
        broken = OxidizedVisionError(Kind.CHECK_FAILED, "it cannot run this", "")
        return {n: timing(ratios[it]) if it in ratios else broken for n, it in made.items()}

    def build(exclude: Sequence[str], between: bool) -> bytes:
        sorts = {layer.sort for layer in layers if layer.name not in exclude}
        return json.dumps(" ".join(sorted(sorts)) + " between" * between).encode()

    monkeypatch.setattr(importlib.import_module("oxidizedvision.quantize.gains"), "timed", timed)
    return gaining(REQUEST, layers, build, {}), rounds


ALONE = {"convolution": 0.9, "depthwise": 1.2, "pointwise": 1.1}


def test_what_loses_stays_in_float(monkeypatch: pytest.MonkeyPatch) -> None:
    gains, rounds = gains_where({**ALONE, ALL: 1.05}, monkeypatch)
    assert gains.slow == ("c", "d")
    assert gains.sorts == ("convolution",)
    assert "(depthwise, pointwise): without them INT8 takes 0.90 of FP32's time" in gains.note
    assert gains.note.endswith("with them 1.05")
    assert len(rounds) == 2


def test_what_neither_gains_nor_loses_comes_along_where_that_is_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ratios = {**ALONE, "pointwise": 1.0, ALL: 1.05}
    gains, _ = gains_where({**ratios, "convolution pointwise": 0.8}, monkeypatch)
    assert gains.slow == ("c",)
    gains, _ = gains_where({**ratios, "convolution pointwise": 0.95}, monkeypatch)
    assert gains.slow == ("c", "d")


@pytest.mark.parametrize(
    "ratios",
    [
        {**ALONE, ALL: 0.7},
        {**ALONE, ALL: 0.95, f"{ALL} between": 0.7},
        {"convolution": 0.9, "depthwise": 0.8, "pointwise": 0.7},
        {"convolution": 1.0, "depthwise": 1.2, "pointwise": 1.1},
        {},
    ],
)
def test_nothing_is_said_where_all_are_best_or_none_gains(
    ratios: Mapping[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gains_where(ratios, monkeypatch)[0] == Gains()


def test_what_the_engine_cannot_run_does_not_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    gains, _ = gains_where({"convolution": 0.9, "pointwise": 1.1}, monkeypatch)
    assert gains.sorts == ("convolution",)
    assert gains.note.endswith("0.90 of FP32's time")


def test_one_sort_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gains_where({}, monkeypatch, LAYERS[:2]) == (Gains(), [])


@pytest.mark.parametrize("kind", [Kind.UNSUPPORTED, Kind.INTERRUPTED])
def test_what_cannot_be_made_is_left_to_the_search(kind: Kind) -> None:
    def build(_: Sequence[str], __: bool) -> bytes:
        raise OxidizedVisionError(kind, "it broke", "")

    if kind is Kind.UNSUPPORTED:
        assert gaining(REQUEST, LAYERS, build, {}) == Gains()
        return
    with pytest.raises(OxidizedVisionError, match="it broke"):
        gaining(REQUEST, LAYERS, build, {})
