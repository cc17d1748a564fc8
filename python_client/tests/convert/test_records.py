"""What the ladder says of the exporter that it took."""

from __future__ import annotations

import pytest

from oxidizedvision.convert.ladder.attempt import Attempt
from oxidizedvision.convert.ladder.candidates import Candidate
from oxidizedvision.convert.ladder.records import reason_for
from oxidizedvision.convert.proof.judge import EngineVerdict


@pytest.mark.parametrize(
    ("working", "refusing", "tail"),
    [
        (["ort", "rten"], [], "it agrees with PyTorch, in ort, rten too"),
        (["ort"], ["tract"], "it agrees with PyTorch; ort runs it, tract does not"),
        (["ort", "rten"], ["tract", "openvino"], "ort, rten run it, tract, openvino do not"),
        ([], ["tract"], "no Rust engine runs it, tract does not"),
        ([], [], "no Rust engine is here to judge it"),
    ],
)
def test_one_engine_and_several_are_told_in_whole_sentences(
    working: list[str], refusing: list[str], tail: str
) -> None:
    verdicts = [EngineVerdict(name, "works") for name in working]
    verdicts += [EngineVerdict(name, "load_error", reason="no") for name in refusing]
    attempt = Attempt(Candidate("dynamo", 18), engines=tuple(verdicts))
    reason = reason_for([attempt], attempt, "auto")
    assert reason.startswith("dynamo at opset 18: the first that was tried; ")
    assert reason.endswith(tail)
