"""Time by node: what the Rust engines tell reaches Python whole, from this process or another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners import base, native
from oxidizedvision.runners.apart import IsolatedRunner
from oxidizedvision.runners.base import Runner, RunnerConfig

pytest.importorskip("oxidizedvision_native", reason="`make native` builds it")

TELLING = ("tract", "ort", "openvino")
MODEL = Path(__file__).parents[3] / "testdata" / "models" / "residual.onnx"
INPUTS = {"x": np.full((1, 3, 8, 8), 0.5, np.float32)}
RUNS = 3


def ready(engine: str) -> str:
    availability = native.check(engine)
    if not availability.ready:
        pytest.skip(availability.hint)
    return engine


@pytest.fixture(params=TELLING)
def engine(request: pytest.FixtureRequest) -> str:
    return ready(request.param)


@pytest.mark.parametrize("kind", [native.NativeRunner, IsolatedRunner])
def test_nodes_lead_back_to_the_file(engine: str, kind: Any) -> None:
    operators = {node.name: node.op_type for node in onnx.load(MODEL).graph.node}
    with kind(engine, RunnerConfig(MODEL, threads=1)) as runner:
        nodes = runner.profile_named(INPUTS, RUNS)
    assert {origin for node in nodes for origin in node.origins} == set(operators)
    assert {node.calls for node in nodes} == {RUNS}
    assert all(node.name and node.op_type and node.total_ms >= 0 for node in nodes)
    work = [node for node in nodes if node.origins and operators[node.origins[0]] == "Conv"]
    assert any("Conv" in node.op_type or "MatMul" in node.op_type for node in work)
    assert sum(node.total_ms for node in work) > 0


@pytest.mark.parametrize("kind", [native.NativeRunner, IsolatedRunner])
def test_an_engine_that_cannot_tell_says_none(kind: Any) -> None:
    with kind("rten", RunnerConfig(MODEL)) as runner:
        assert runner.profile_named(INPUTS, RUNS) is None


def test_a_runner_tells_nothing_unless_it_is_written_to() -> None:
    class Silent(Runner):
        info = base.ModelInfo("m", "silent", "0", (), (), 1, "cpu")

        def _run(self, inputs: dict[str, Any]) -> dict[str, Any]:
            return inputs

    assert Silent().profile_named({}, 1) is None


@pytest.mark.parametrize("kind", [native.NativeRunner, IsolatedRunner])
@pytest.mark.parametrize(
    ("inputs", "runs", "refusal"),
    [
        (INPUTS, 0, Kind.USAGE),
        ({}, 1, Kind.MISSING_INPUT),
        ({"x": np.zeros((1, 3, 8, 9), np.float32)}, 1, Kind.SHAPE_MISMATCH),
    ],
)
def test_what_does_not_fit_is_refused_by_kind(
    kind: Any, inputs: dict[str, Any], runs: int, refusal: Kind
) -> None:
    with (
        kind("tract", RunnerConfig(MODEL)) as runner,
        pytest.raises(OxidizedVisionError) as caught,
    ):
        runner.profile_named(inputs, runs)
    assert caught.value.kind == refusal
    assert caught.value.hint


def test_a_model_that_is_gone_or_another_is_no_profile(engine: str, tmp_path: Path) -> None:
    if engine == "tract":
        pytest.skip("tract measures what it has loaded")
    model = tmp_path / "m.onnx"
    model.write_bytes(MODEL.read_bytes())
    with native.load(engine, RunnerConfig(model)) as runner:
        model.write_bytes(MODEL.with_name("pair.onnx").read_bytes())
        for gone in (False, True):
            if gone:
                model.unlink()
            with pytest.raises(OxidizedVisionError) as caught:
                runner.profile_named(INPUTS, 1)
            assert caught.value.kind == Kind.ENGINE_FAILED
            assert "m.onnx" in caught.value.message
        assert set(runner.run_named(INPUTS)) == {"y"}
