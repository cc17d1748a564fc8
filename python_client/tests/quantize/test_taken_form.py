"""The form that is taken is timed again: the best of several had luck."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oxidizedvision.quantize.choice import chosen
from oxidizedvision.quantize.report import Timing
from oxidizedvision.quantize.request import QuantizeRequest
from oxidizedvision.quantize.search import Form


def timing(ratio: float) -> Timing:
    verdict = "faster" if ratio < 1 else "slower" if ratio > 1 else "no significant difference"
    return Timing(10.0, 10.0 * ratio, ratio, (ratio, ratio), verdict, 1)


def form(name: str, size: int) -> Form:
    return cast(Form, SimpleNamespace(trial=SimpleNamespace(name=name), content=bytes(size)))


FORMS = [form("INT8", 10), form("weights", 12)]


def choice_of(
    monkeypatch: pytest.MonkeyPatch, again: Mapping[str, float], *, force: bool = False
) -> Any:
    """What is chosen where INT8 looks faster at first, and weights alike."""
    seen: list[tuple[list[str], bool]] = []

    def timed(
        _: Any, forms: Mapping[str, bytes], *__: Any, sure: bool = False
    ) -> dict[str, Timing]:
        seen.append((list(forms), sure))
        first = {"INT8": 0.8, "weights": 1.0}
        return {name: timing((again if sure else first)[name]) for name in forms}

    monkeypatch.setattr(importlib.import_module("oxidizedvision.quantize.choice"), "timed", timed)
    request = cast(QuantizeRequest, SimpleNamespace(base=bytes(40), force=force))
    return chosen(request, FORMS, {}), seen


def test_what_holds_is_taken_with_its_second_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    choice, seen = choice_of(monkeypatch, {"INT8": 0.9})
    assert (choice.form, choice.timing) == (FORMS[0], timing(0.9))
    assert seen == [(["INT8", "weights"], False), (["INT8"], True)]


def test_luck_is_refused_and_the_next_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    choice, _ = choice_of(monkeypatch, {"INT8": 1.1, "weights": 1.0})
    assert choice.form is FORMS[1]


@pytest.mark.parametrize("force", [False, True])
def test_where_none_holds_each_reason_is_told(force: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    choice, _ = choice_of(monkeypatch, {"INT8": 1.1, "weights": 1.2}, force=force)
    assert choice.form is (FORMS[0] if force else None)
    assert choice.timing == timing(1.1)
    assert "INT8: timed again, it takes 1.10 times" in choice.reason
    assert "weights: timed again, it takes 1.20 times" in choice.reason
