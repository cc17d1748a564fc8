"""Faults that are planted into networks of the zoo are found; what is claimed can be refuted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torchvision", reason="it brings the networks")

from benchmarks.faults import report, run
from benchmarks.faults.operators import BadEngine, bad_engines
from benchmarks.faults.planting import CHANGES, planted
from benchmarks.faults.subjects import Subject, quantised, subject_of
from benchmarks.faults.trials import (
    CleanTrial,
    FaultTrial,
    Outcome,
    ReducedTrial,
    clean_trials,
    fault_trials,
    reduced_trial,
)
from benchmarks.zoo.networks import NETWORKS
from oxidizedvision.layers import REFERENCE

SAMPLE = ("squeezenet1_1", "lcnet_050")
FAULTS = 3
"""Of each network."""


@pytest.fixture(scope="module", params=SAMPLE)
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    network = next(network for network in NETWORKS if network.name == request.param)
    folder = tmp_path_factory.mktemp(network.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OXIDIZEDVISION_HOME", str(folder / "home"))
        return subject_of(network, folder)


def test_the_right_layer_is_first(subject: Subject) -> None:
    trials = list(fault_trials(subject, FAULTS, offset=SAMPLE.index(subject.name)))
    assert len(trials) == FAULTS
    acting = [trial for trial in trials if not trial.inert]
    assert acting
    for trial in acting:
        assert trial.full in trial.nodes, trial
        assert trial.bisect in trial.nodes, trial


def test_clean_models_raise_no_alarm(subject: Subject) -> None:
    trials, skipped = clean_trials(subject, ("rten",))
    assert not skipped
    assert {trial.variant for trial in trials} >= {"simplified"}
    assert [trial for trial in trials if trial.alarm] == []


def test_a_bad_operator_is_left_alone(subject: Subject) -> None:
    joined = [engine for engine in bad_engines(subject.graph) if engine.joined]
    engine = joined[0] if joined else BadEngine("HardSwish")
    trial = reduced_trial(subject, engine)
    assert trial.small, trial


def test_a_fault_changes_one_node_and_no_shape(subject: Subject) -> None:
    kinds = set()
    for clean, op_type in ((subject, ""), (quantised(subject), "QuantizeLinear")):
        for kind in ("scale",) if op_type else CHANGES:
            made = planted(clean.graph, kind, np.random.default_rng(2), op_type)
            if made is None:
                continue
            bad, fault = made
            kinds.add(kind)
            pairs = zip(clean.graph.nodes, bad.nodes, strict=True)
            changed = [one for one, other in pairs if one != other]
            assert {node.name for node in changed} == {*fault.nodes}
            assert bad.shapes[bad.outputs[0]] == clean.graph.shapes[clean.graph.outputs[0]]
    assert {"weight", "padding", "channel order", "scale"} <= kinds


def test_a_quantised_network_is_near_the_clean_one(subject: Subject) -> None:
    clean = subject.answers(subject.graph)[0]
    rounded = subject.answers(quantised(subject).graph)[0]
    (name,) = clean
    assert 0 < np.abs(rounded[name] - clean[name]).max() < 0.5 * np.abs(clean[name]).max()


def test_the_stand_in_is_wrong_in_its_operator_only(subject: Subject) -> None:
    model = subject.graph.with_outputs(subject.graph.outputs)
    picture = subject.pictures[:1]
    (clean,) = REFERENCE.answers(model, picture)
    (right,) = BadEngine("Erf").answers(model, picture)
    (wrong,) = BadEngine("Relu").answers(model, picture)
    (name,) = clean
    np.testing.assert_allclose(right[name], clean[name], rtol=1e-3, atol=1e-4)
    assert np.abs(wrong[name] - clean[name]).max() > 1e-3


FAULT = FaultTrial("net", "weight", ("/a",), "Conv", "", 0.1, 1e-4, "/a", "/a", 1.0)


def outcomes() -> list[Outcome]:
    """As many trials as are promised, all of them well."""
    clean = [CleanTrial("net", name, "") for name in "abcde"]
    reduced = [ReducedTrial("net", "bad", 100, 1, True, 3, 1.0)] * 2
    return [Outcome(f"net{n}", 80, [FAULT] * 10, clean, reduced) for n in range(10)]


def test_claims_hold_and_are_refuted() -> None:
    good = outcomes()
    assert report.broken_claims(good) == []
    cases = {
        "is not found": replace(good[0], faults=[*[FAULT] * 9, replace(FAULT, full="")]),
        "first in 94 of 100": replace(
            good[0], faults=[*[FAULT] * 4, *[replace(FAULT, full="/b")] * 6]
        ),
        "a false alarm: /x": replace(
            good[0], clean=[*good[0].clean, CleanTrial("n", "rten", "/x")]
        ),
        "18 of 20 bad operators": replace(
            good[0], reduced=[replace(good[0].reduced[0], nodes=4)] * 2
        ),
        "there are 99 faults, 100": replace(good[0], faults=[FAULT] * 9),
        "there are 49 clean models": replace(good[0], clean=good[0].clean[:4]),
        "cannot be had": replace(good[0], failure="it cannot be had"),
    }
    for says, outcome in cases.items():
        broken = report.broken_claims([outcome, *good[1:]])
        assert any(says in claim for claim in broken), (says, broken)


def test_inert_faults_are_counted_apart() -> None:
    inert = replace(FAULT, moved=0.0, full="")
    few = [replace(outcomes()[0], faults=[*[FAULT] * 5, *[inert] * 5]), *outcomes()[1:]]
    assert report.broken_claims(few) == []
    many = [replace(outcome, faults=[*[FAULT] * 7, *[inert] * 3]) for outcome in outcomes()]
    assert report.broken_claims(many) == ["30 faults are inert, at most 20 are allowed"]
    assert "| **all** | 100 | 5 | 95 | 95 | 95 |" in report.markdown(few)


def test_faults_are_shared_among_the_networks() -> None:
    assert [plan.faults for plan in run.planned(15, 100)] == [7] * 10 + [6] * 5
    assert [plan.faults for plan in run.planned(15, 6)] == [1] * 6
    assert len(run.chosen(None)) >= report.ARCHITECTURES


@pytest.mark.skipif(
    not run.RESULTS.is_file(), reason="`make plant-faults ARGS=--write` was not run"
)
def test_the_page_holds_the_committed_results() -> None:
    results = json.loads(run.RESULTS.read_text(encoding="utf-8"))
    page = Path(run.PAGE).read_text(encoding="utf-8")
    table = page.split(report.START)[1].split(report.END)[0]
    for network in results["networks"]:
        assert f"{network['network']} ({network['nodes']})" in table
