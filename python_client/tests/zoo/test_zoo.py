"""A sample of the zoo gives PyTorch's answer in every engine; what is claimed can be refuted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("torchvision", reason="it brings the networks")

from benchmarks.zoo import report
from benchmarks.zoo.architecture import Architecture
from benchmarks.zoo.measure import (
    TOLERANCE,
    Case,
    Outcome,
    case_error,
    cases_of,
    error_of,
    measured,
    ready_engines,
    relative_error,
    tolerance_of,
)
from benchmarks.zoo.networks import NETWORKS
from benchmarks.zoo.run import PAGE, RESULTS, chosen

ROOT = Path(__file__).parents[3]
PNET = Architecture(
    name="pnet",
    family=report.TRAINED,
    path=str(ROOT / "testdata/mtcnn/model.py"),
    attribute="PNet",
    checkpoint=ROOT / "testdata/mtcnn/pnet.pt",
    size=48,
    step=1,
)
SAMPLE = (*(n for n in NETWORKS if n.name in ("mobilenet_v3_small", "vit", "unet")), PNET)


@pytest.fixture(scope="session", params=SAMPLE, ids=lambda network: network.name)
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp(request.param.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OXIDIZEDVISION_HOME", str(folder / "home"))
        return measured(request.param, folder, ready_engines())


def test_every_engine_agrees_with_pytorch(outcome: Outcome) -> None:
    assert not outcome.failure
    assert {engine.name for engine in ready_engines()} == {*outcome.engines}
    assert outcome.working == [*outcome.engines], outcome.reasons


def test_nodes_tell_which_module_they_come_from(outcome: Outcome) -> None:
    assert outcome.nodes > 0
    assert outcome.traced >= report.PATHS * outcome.nodes


def test_a_planted_error_is_found() -> None:
    reference = np.array([[1.0, -4.0]], np.float32)
    assert relative_error(reference, reference) == 0
    for output in (reference + 0.001, reference[:, :1], np.full_like(reference, np.nan)):
        assert relative_error(output, reference) > TOLERANCE
    assert case_error([reference], [reference, reference]) > TOLERANCE


def test_a_model_that_cannot_be_loaded_is_an_outcome(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    array = np.ones((1, 3, 8, 8), np.float32)
    error, reason = error_of("onnxruntime", broken, [Case(array, [array])])
    assert error > TOLERANCE
    assert "broken.onnx" in reason
    assert error_of("tch", None, [])[0] > TOLERANCE


def passing(number: int, family: str = "cnn") -> Outcome:
    engines = {"tract": 1e-6, "rten": 1e-6, "ort": 1e-6}
    return Outcome(f"net{number}", family, "torchscript", 14, engines, nodes=100, traced=95)


def test_claims_hold_and_are_refuted() -> None:
    zoo = [passing(number) for number in range(25)]
    assert report.broken_claims(zoo) == []
    assert report.faults(zoo) == []
    trained = [*zoo[:24], passing(24, report.TRAINED)]
    assert "24 architectures pass" in report.broken_claims(trained)[0]
    not_in_rust = [replace(o, engines={"ort": 1e-6, "tract": 1.0}) for o in zoo[:6]]
    assert "19 run in tract or rten" in report.broken_claims([*not_in_rust, *zoo[6:]])[0]
    assert "94.9%" in report.broken_claims([*zoo[:24], replace(zoo[24], traced=92)])[0]
    failed = replace(zoo[0], failure="no way", engines={})
    assert report.faults([failed]) == ["net0: not exported: no way"]
    off = replace(zoo[0], engines={"ort": 0.1}, reasons={"ort": "off by 0.1"})
    assert report.faults([off]) == ["net0: ort does not run it: off by 0.1"]


def test_more_is_allowed_where_pytorch_itself_rounds_much() -> None:
    answer = np.ones((1, 2), np.float32)
    assert tolerance_of([Case(answer, [answer], 1e-6)]) == TOLERANCE
    assert tolerance_of([Case(answer, [answer], 1e-6), Case(answer, [answer], 2e-4)]) == 8e-4
    off = replace(passing(0), engines={"ort": 5e-4}, tolerance=8e-4)
    assert off.working == ["ort"]
    row = report.document([off], {})["networks"]["net0"]
    assert (row["engines"], row["tolerance"]) == ({"ort": 5e-4}, 8e-4)


def test_rounding_is_the_distance_from_double_precision() -> None:
    network = torch.nn.Conv2d(3, 2, 3).eval()
    (case, *_) = cases_of(Architecture("small", "cnn", "", size=9), network)
    assert 0 < case.rounding < 1e-5


def test_an_engine_that_lost_a_network_is_found() -> None:
    before = report.document([passing(0)], {})
    assert report.worse([passing(0)], before) == []
    lost = replace(passing(0), engines={"tract": float("inf")}, reasons={"tract": "no Conv"})
    assert report.worse([lost], before) == ["tract ran net0: no Conv"]
    assert report.worse([passing(1)], before) == []


def test_names_choose_networks(tmp_path: Path) -> None:
    assert [network.name for network in chosen(["unet", "vit"], tmp_path)] == ["unet", "vit"]
    assert not list(tmp_path.iterdir()), "the trained networks were fetched and not asked for"


@pytest.mark.skipif(not RESULTS.is_file(), reason="`make zoo ARGS=--write` has not been run")
def test_the_page_holds_the_committed_results() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    assert report.placed(page, report.markdown(results)) == page
    assert {network.name for network in NETWORKS} <= results["networks"].keys()
