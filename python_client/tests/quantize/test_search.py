"""The search restores the fewest layers, on a judge whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.quantize.judge import Standing
from oxidizedvision.quantize.quantizer import Layer
from oxidizedvision.quantize.report import Trial
from oxidizedvision.quantize.search import (
    MOST_WON_BACK,
    QUICK_SAMPLES,
    Form,
    Found,
    Tried,
    search,
)

COUNT = 12


class KnownJudge:
    """Each layer in INT8 costs what is written down for it; a model is the list of these."""

    def __init__(self, costs: dict[str, float]) -> None:
        self.costs = costs
        self.runs: list[int | None] = []

    def standing(self, model: bytes, most: int | None = None) -> Standing:
        self.runs.append(most)
        float_layers = set(json.loads(model))
        drop = sum(cost for layer, cost in self.costs.items() if layer not in float_layers)
        return Standing(1 - drop, drop, 10.0 + len(float_layers))


class Masked(KnownJudge):
    """Some layers look worse where they alone are in INT8 than among others."""

    def __init__(self, costs: dict[str, float], alone: dict[str, float]) -> None:
        super().__init__(costs)
        self.together, self.alone = costs, costs | alone

    def standing(self, model: bytes, most: int | None = None) -> Standing:
        single = len(json.loads(model)) == COUNT - 1
        self.costs = self.alone if single else self.together
        return super().standing(model, most)


def build(exclude: Sequence[str], small_weights: bool = True) -> bytes:
    del small_weights
    return json.dumps(sorted(exclude)).encode()


def found_with(costs: dict[str, float], max_drop: float) -> tuple[Found, Tried]:
    return found_by(KnownJudge(costs), max_drop)


def found_by(judge: KnownJudge, max_drop: float) -> tuple[Found, Tried]:
    tried = Tried(judge, max_drop, len)  # type: ignore[arg-type]
    layers = [Layer(name, "Conv", "", 4) for name in judge.costs]
    whole = tried.attempt("whole", lambda: build(()))
    return search(tried, layers, build, whole, name="INT8"), tried


def costs_with(**worst: float) -> dict[str, float]:
    return {f"layer{index}": 0.001 for index in range(COUNT)} | worst


def float_layers(found: Found) -> set[str]:
    assert found.best is not None
    return set(found.best.exclude)


def test_nothing_is_restored_where_the_budget_holds() -> None:
    found, tried = found_with(costs_with(), 0.1)
    assert float_layers(found) == set()
    assert found.sensitivity == ()
    assert len(tried.forms) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_the_worst_layers_are_restored_and_no_other(count: int) -> None:
    worst = {f"layer{index}": 0.1 for index in range(count)}
    found, _ = found_with(costs_with(**worst), 0.02)
    assert float_layers(found) == set(worst)
    assert [row.layer for row in found.sensitivity[:count]] == list(worst)
    assert [row.state for row in found.sensitivity] == ["float"] * count + ["int8"] * (
        COUNT - count
    )


@pytest.mark.parametrize(
    ("count", "numbers"),
    [(1, [1]), (2, [1, 3, 2, 1, 1]), (5, [1, 3, 7, 5, 4, *[4] * 5])],
)
def test_few_forms_are_tried_on_all_inputs(count: int, numbers: list[int]) -> None:
    """Steps that double, then halves, then each restored layer once in INT8."""
    judge = KnownJudge(costs_with(**{f"layer{index}": 0.1 for index in range(count)}))
    _, tried = found_by(judge, 0.02)
    names = [form.trial.name for form in tried.forms]
    assert names == ["whole", *(f"INT8, {number} in float" for number in numbers)]
    assert judge.runs == [None, *[QUICK_SAMPLES] * COUNT, *[None] * len(numbers)]


def test_a_drop_as_large_as_the_budget_keeps_it() -> None:
    found, _ = found_with({"a": 0.25, "b": 0.0}, 0.25)
    assert float_layers(found) == set()


def test_a_layer_that_was_restored_for_nothing_is_won_back() -> None:
    """Alone it looks worst, together with the others it does nothing."""
    found, _ = found_by(Masked(costs_with(layer3=0.1, layer7=0.0), {"layer7": 0.5}), 0.02)
    assert found.sensitivity[0].layer == "layer7"
    assert float_layers(found) == {"layer3"}
    assert next(row for row in found.sensitivity if row.layer == "layer7").state == "int8"
    assert MOST_WON_BACK >= 1


def test_the_layer_that_matters_least_is_won_back_first() -> None:
    """Two look bad alone; together the budget has room for one of them."""
    costs = costs_with(layer3=0.1, layer7=0.008, layer8=0.008)
    found, _ = found_by(Masked(costs, {"layer7": 0.5, "layer8": 0.4}), 0.02)
    assert [row.layer for row in found.sensitivity[:3]] == ["layer7", "layer8", "layer3"]
    assert float_layers(found) == {"layer3", "layer7"}


def test_layers_get_their_own_weights_where_the_budget_asks_for_it() -> None:
    class Coarse(KnownJudge):
        """Small weights cost by themselves, whichever layers compute in float."""

        def standing(self, model: bytes, most: int | None = None) -> Standing:
            found = json.loads(model)
            self.costs = {**costs, "weights": 0.05 if found.pop("small") else 0.0}
            return super().standing(json.dumps(found["float"]).encode(), most)

    def made(exclude: Sequence[str], small_weights: bool) -> bytes:
        return json.dumps({"float": sorted(exclude), "small": small_weights}).encode()

    costs = costs_with(layer3=0.1)
    tried = Tried(Coarse(costs), 0.02, len)  # type: ignore[arg-type]
    layers = [Layer(name, "Conv", "", 4) for name in costs]
    whole = tried.attempt("whole", lambda: made((), True))
    found = search(tried, layers, made, whole, name="INT8")
    assert float_layers(found) == {"layer3"}
    assert found.best is not None
    assert found.best.trial.name == "INT8, with their weights, 1 in float"
    # Each layer alone was measured without the others' small weights.
    assert found.sensitivity[1].drop == pytest.approx(0.001)


def test_what_is_in_float_anyway_is_in_every_form_and_no_layer_of_the_search() -> None:
    costs = costs_with(layer3=0.1)
    tried = Tried(KnownJudge(costs | {"slow": 0.5}), 0.02, len)  # type: ignore[arg-type]
    layers = [Layer(name, "Conv", "", 4) for name in costs]
    whole = tried.attempt("whole", lambda: build(["slow"]), ["slow"])
    found = search(tried, layers, build, whole, name="INT8", always=["slow"])
    assert found.best is not None
    assert found.best.exclude == ("layer3", "slow")
    assert json.loads(found.best.content) == ["layer3", "slow"]
    assert found.best.trial.float_layers == 2
    assert {row.layer for row in found.sensitivity} == set(costs)
    assert found.sensitivity[1].drop == pytest.approx(0.001)


def test_no_form_where_even_one_layer_is_too_much() -> None:
    found, tried = found_with({"a": 0.5, "b": 0.5, "c": 0.5}, 0.01)
    assert found.best is None
    assert {row.state for row in found.sensitivity} == {"float"}
    assert not any(form.trial.keeps for form in tried.forms)


def test_a_form_that_fails_is_told_and_ctrl_c_is_heard() -> None:
    tried = Tried(KnownJudge({}), 0.1, len)  # type: ignore[arg-type]

    def failing(kind: Kind) -> bytes:
        raise OxidizedVisionError(kind, "it broke", "")

    form = tried.attempt("broken", lambda: failing(Kind.UNSUPPORTED))
    assert form.trial.failed == "it broke"
    assert form.trial.drop is None
    with pytest.raises(OxidizedVisionError):
        tried.attempt("stopped", lambda: failing(Kind.INTERRUPTED))


def test_the_front_has_what_nothing_beats() -> None:
    tried = Tried(KnownJudge({"a": 0.01, "b": 0.02}), 0.1, len)  # type: ignore[arg-type]
    for exclude in ((), ("a",), ("a", "b")):
        tried.attempt(str(len(exclude)), lambda exclude=exclude: build(exclude), exclude)
    worse = tried.forms[0].trial
    tried.forms.append(Form(worse.__class__("worse", 0, 99, 99, 0.5, 0.5, 99.0, False)))
    assert {trial.name: trial.pareto for trial in tried.table()} == {
        "0": True,
        "1": True,
        "2": True,
        "worse": False,
    }


def test_the_front_weighs_latency_too() -> None:
    tried = Tried(KnownJudge({}), 0.5, len)  # type: ignore[arg-type]
    costs = {"small": (0.3, 10, 5.0), "slow twin": (0.3, 10, 6.0), "fast": (0.4, 20, 1.0)}
    tried.forms += [
        Form(Trial(name, bytes=size, drop=drop, latency_ms=latency))
        for name, (drop, size, latency) in costs.items()
    ]
    front = [trial.name for trial in tried.table() if trial.pareto]
    assert front == ["small", "fast"]
