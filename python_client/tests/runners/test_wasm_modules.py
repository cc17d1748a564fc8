"""The modules that were built give PyTorch's answers in Node; `make test` builds rten's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hostile_models
import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_network import Artifact

from oxidizedvision import load, validate
from oxidizedvision.core.engines import WASM_ENGINES
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners import availability, wasm

MODELS = Path(__file__).parents[3] / "testdata" / "models"
ONE_FILE = sorted(path.stem for path in MODELS.glob("*.onnx") if path.stem != "external")


@pytest.fixture(params=[engine.name for engine in WASM_ENGINES])
def runner(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not availability(name).ready:
        pytest.skip(availability(name).hint)
    return name


def golden(model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and PyTorch's outputs of the first case."""
    tensors = load_file(MODELS / f"{model}.safetensors")
    case = min(name.split("/")[0] for name in tensors)
    sides = [f"{case}/{side}/" for side in ("input", "output")]
    inputs, outputs = (
        {name.removeprefix(side): a for name, a in tensors.items() if name.startswith(side)}
        for side in sides
    )
    return inputs, outputs


@pytest.mark.parametrize("model", ONE_FILE)
def test_every_element_type_comes_back_as_pytorch_gives_it(runner: str, model: str) -> None:
    inputs, expected = golden(model)
    if not {array.dtype.name for array in inputs.values()} <= _types(runner):
        with pytest.raises(OxidizedVisionError) as caught:
            load(MODELS / f"{model}.onnx", runner=runner)
        assert caught.value.kind is Kind.UNSUPPORTED
        return
    with load(MODELS / f"{model}.onnx", runner=runner) as loaded:
        got = loaded.run_named(inputs)
    assert set(got) == set(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_allclose(got[name], array, atol=1e-5)


def _types(runner: str) -> set[str]:
    from oxidizedvision.core.tensors import DTYPES

    return {DTYPES[name] for name in wasm.dtypes(runner)}


def test_it_says_what_it_is(runner: str) -> None:
    state = availability(runner)
    with load(MODELS / "dynamic.onnx", runner=runner) as loaded:
        info = loaded.info
    assert info.backend == runner
    assert info.backend_version == state.version
    assert (info.threads, info.device) == (1, "cpu")


def test_a_second_file_of_weights_is_refused(runner: str) -> None:
    with pytest.raises(OxidizedVisionError, match="second file") as caught:
        load(MODELS / "external.onnx", runner=runner)
    assert caught.value.kind is Kind.UNSUPPORTED
    assert caught.value.hint


def test_a_file_that_is_no_model_is_refused(runner: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(np.random.default_rng(0).bytes(4096))
    with pytest.raises(OxidizedVisionError) as caught:
        load(path, runner=runner)
    assert caught.value.kind is Kind.CORRUPT


def test_a_run_beyond_its_memory_is_an_error_and_the_next_one_works(
    runner: str, tmp_path: Path
) -> None:
    good = np.array([2, 3], np.int64)
    path = hostile_models.save_filled(tmp_path / "filled.onnx")
    if runner == "wasm-tract":  # it wants to know each length before it runs
        with pytest.raises(OxidizedVisionError, match="shape input is variable"):
            load(path, runner=runner).run(good)
        return
    with load(path, runner=runner) as loaded:
        assert loaded.run(good).item() == 1
        with pytest.raises(OxidizedVisionError) as caught:
            loaded.run(np.array([1 << 15, 1 << 15], np.int64))
        assert caught.value.kind in {Kind.PANICKED, Kind.ENGINE_FAILED, Kind.UNSUPPORTED}
        assert loaded.run(good).item() == 1


def test_the_goldens_of_a_converted_network(runner: str, tiny_shared: Artifact) -> None:
    report = validate(tiny_shared.onnx, runners=[runner])
    assert [row.passed for row in report.results] == [True]
