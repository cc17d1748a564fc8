"""Well-known networks give PyTorch's answer in every engine that is ready."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torchvision", reason="it brings the networks")

from benchmarks.zoo.zoo import (
    FORMATS,
    NETWORKS,
    TOLERANCE,
    Exported,
    Outcome,
    check,
    export,
    relative_error,
    table,
)
from oxidizedvision.runners.table import ENGINES, engine_named

SIZE = 64
READERS = [engine.name for engine in ENGINES if set(engine.formats) & set(FORMATS)]


@pytest.fixture(scope="session", params=NETWORKS)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OXIDIZEDVISION_HOME", str(folder / "home"))
        return export(request.param, SIZE, folder)


@pytest.mark.parametrize("name", READERS)
def test_an_engine_agrees_with_pytorch(network: Exported, name: str) -> None:
    engine = engine_named(name)
    state = engine.check()
    if not state.ready:
        pytest.skip(state.hint)
    if "cpu" not in engine.devices():
        pytest.skip(f"{name} does not run on a processor")
    outcome = check(engine, network)
    assert outcome.passed, f"off by {outcome.off:.1e}, allowed {TOLERANCE:.0e} {outcome.message}"


def test_a_planted_error_is_found() -> None:
    reference = np.array([[1.0, -4.0]], np.float32)
    assert relative_error(reference, reference) == 0
    for output in (reference + 0.001, reference[:, :1], np.full_like(reference, np.nan)):
        assert not Outcome("tract", "planted", relative_error(output, reference)).passed


def test_a_model_that_cannot_be_loaded_is_an_outcome(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    files = {"onnx": broken, "pt": broken}
    array = np.zeros((1, 3, 8, 8), np.float32)
    outcome = check(engine_named("onnxruntime"), Exported("broken", files, array, array))
    assert not outcome.passed
    assert "broken.onnx" in outcome.message
    assert "inf" in "\n".join(table([outcome]))
