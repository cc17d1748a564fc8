"""Settings of another type than declared are refused in words, by every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oxidizedvision import load
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners import RunnerConfig, load_runner

RESIDUAL = Path(__file__).parents[3] / "testdata/models/residual.onnx"
ENGINES = ("onnxruntime", "tract")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "tract":
        pytest.importorskip("oxidizedvision_native", reason="`make native` builds it")
    return str(request.param)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"precision": None}, "precision cannot be None: expected text"),
        ({"precision": "\ud800"}, "precision"),
        ({"threads": "x"}, "threads cannot be 'x': expected a whole number"),
        ({"threads": 2.0}, "threads"),
        ({"threads": True}, "threads"),
        ({"device": 3}, "device cannot be 3"),
        ({"optimize": "yes"}, "optimize cannot be 'yes': expected True or False"),
        ({"options": {"a": 1}}, "options"),
        ({"options": {1: "a"}}, "options"),
        ({"options": ["a"]}, "options cannot be"),
        ({"input_shapes": {"x": "1x3"}}, "input_shapes"),
        ({"input_shapes": {"x": 3}}, "input_shapes"),
        ({"input_shapes": {"x": (1.5,)}}, "input_shapes"),
        ({"input_shapes": {None: (1,)}}, "input_shapes"),
        ({"input_shapes": [("x", (1,))]}, "input_shapes"),
    ],
)
def test_a_setting_of_another_type_is_told(
    engine: str, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        load_runner(engine, RunnerConfig(RESIDUAL, **settings))
    assert caught.value.kind is Kind.INVALID_OPTION
    assert says in caught.value.message
    assert "docs/python.md" in caught.value.hint


@pytest.mark.parametrize("settings", [{"precision": None}, {"threads": "x"}, {"device": 3}])
def test_the_public_function_tells_it_too(engine: str, settings: dict[str, Any]) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        load(RESIDUAL, runner=engine, **settings)
    assert caught.value.kind is Kind.INVALID_OPTION


def test_numpys_integers_are_whole_numbers(engine: str) -> None:
    shape = tuple(np.array([1, 3, 8, 8]))
    config = RunnerConfig(RESIDUAL, threads=np.int64(1), input_shapes={"x": shape})  # type: ignore[arg-type]
    assert load_runner(engine, config).info.threads == 1


@pytest.mark.parametrize("threads", [0, -1, 1025, 1 << 70])
def test_counts_of_threads_without_sense(engine: str, threads: int) -> None:
    with pytest.raises(OxidizedVisionError, match="threads") as caught:
        load_runner(engine, RunnerConfig(RESIDUAL, threads=threads))
    assert caught.value.kind is Kind.INVALID_OPTION


def test_a_model_is_a_path_or_bytes(engine: str) -> None:
    for model in (str(RESIDUAL), 3, None, bytearray(b"x")):
        with pytest.raises(OxidizedVisionError, match="model cannot be") as caught:
            load_runner(engine, RunnerConfig(model))  # type: ignore[arg-type]
        assert caught.value.kind is Kind.USAGE


def test_a_files_name_that_is_no_text_is_read_or_told(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "odd-\udcff.onnx"
    try:
        path.write_bytes(RESIDUAL.read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("this file system wants text")
    if engine == "tract":
        assert load(path, runner=engine).info.inputs[0].name == "x"
        return
    with pytest.raises(OxidizedVisionError, match="not UTF-8") as caught:
        load(path, runner=engine)
    assert caught.value.kind is Kind.UNREADABLE
