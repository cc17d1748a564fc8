"""A sample of the ONNX project's cases passes in every engine of which the table says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

pytest.importorskip("onnx", reason="it brings the cases")

from benchmarks.onnx_cases.export import Exported, export
from benchmarks.onnx_cases.run import ENGINES, TABLE
from oxidizedvision import OxidizedVisionError, load
from oxidizedvision.runners import availability

HALF = {"rtol": 4e-3, "atol": 1e-3}

SAMPLE = frozenset(TABLE.with_name("sample.txt").read_text().split())

Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx_cases")


@pytest.fixture(scope="session", autouse=True)
def exported(folder: Path) -> Exported:
    return export(folder, SAMPLE)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    state = availability(request.param)
    if not state.ready:
        pytest.skip(state.hint)
    return str(request.param)


def sets(case: Path) -> list[tuple[Arrays, Arrays]]:
    found: dict[str, tuple[Arrays, Arrays]] = {}
    for key, array in load_file(case / "case.safetensors").items():
        name, side, tensor = key.split("/", 2)
        found.setdefault(name, ({}, {}))[side == "output"][tensor] = array
    return [found[name] for name in sorted(found)]


def answers(engine: str, case: Path) -> None:
    about = json.loads((case / "case.json").read_text())
    with load(case / "model.onnx", runner=engine, threads=1) as runner:
        for inputs, expected in sets(case):
            outputs = runner.run_named(inputs)
            assert list(outputs) == about["outputs"]
            for name, array in expected.items():
                close(outputs[name], array, {"rtol": about["rtol"], "atol": about["atol"]})


def close(output: NDArray[Any], expected: NDArray[Any], tolerance: dict[str, float]) -> None:
    assert (output.dtype, output.shape) == (expected.dtype, expected.shape)
    if expected.dtype == np.float16:
        tolerance = {key: max(tolerance[key], HALF[key]) for key in HALF}
    np.testing.assert_allclose(output, expected, **tolerance)


def test_the_sample_is_whole(exported: Exported) -> None:
    assert set(exported.cases) == SAMPLE
    assert exported.outside == {}


def test_what_the_table_says_passes_does(engine: str, folder: Path) -> None:
    table = json.loads(TABLE.read_text())["engines"][engine]["ours"]["failing"]
    failing = {case for cases in table.values() for case in cases}
    assert len(SAMPLE - failing) > len(SAMPLE) / 2
    wrong = {}
    for case in sorted(SAMPLE - failing):
        try:
            answers(engine, folder / case)
        except (AssertionError, OxidizedVisionError) as error:
            wrong[case] = str(error)
    assert wrong == {}


def test_a_planted_wrong_answer_is_found(engine: str, folder: Path, tmp_path: Path) -> None:
    case = shutil.copytree(folder / "test_relu", tmp_path / "test_relu")
    tensors = load_file(case / "case.safetensors")
    tensors["set-0/output/y"] += np.float32(0.01)
    save_file(tensors, case / "case.safetensors")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        answers(engine, case)


def test_what_an_engine_lacks_is_an_error_of_a_kind(engine: str, folder: Path) -> None:
    table = json.loads(TABLE.read_text())["engines"][engine]["ours"]["failing"]
    for case in sorted(SAMPLE & set(table.get("load_error", ()))):
        with pytest.raises(OxidizedVisionError) as caught:
            load(folder / case / "model.onnx", runner=engine)
        assert caught.value.hint, case
