"""`backends --model` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Calls, Ended

from oxidizedvision.core.errors import ExitCode
from oxidizedvision.trial import Trial, TrialReport

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]

WORKS = Trial("onnxruntime", "works", "fp32", "1.0", 2.0, 3.0, 1, 1e-7, {"input": [1, 3]})
FAILS = Trial("tract", "load_error", reason="no such operator", hint="Use another runner.")


@pytest.mark.parametrize(
    ("rows", "code"), [((WORKS, FAILS), ExitCode.DONE), ((FAILS,), ExitCode.CHECK_FAILED)]
)
def test_the_rows_decide_the_exit_code(
    invoke: Invoke, stand_in: StandIn, rows: tuple[Trial, ...], code: ExitCode
) -> None:
    calls = stand_in("trial.try_backends", TrialReport("net", rows))
    ended = invoke("backends", "--model", "net.onnx")
    assert ended.code == code
    assert "tract: no such operator. Use another runner." in ended.out
    assert calls.arguments["model"] == Path("net.onnx")
    ended = invoke("backends", "--model", "net.onnx", "--json")
    assert ended.code == code
    document = ended.document
    assert {row["name"] for row in document["backends"]} >= {"tract", "tensorrt"}
    assert [row["name"] for row in document["model"]["rows"]] == [row.name for row in rows]
    assert document["model"]["rows"][-1]["max_error"] is None


def test_without_a_model_nothing_is_tried(invoke: Invoke) -> None:
    assert set(invoke("backends", "--json").document) == {"schema_version", "backends"}
