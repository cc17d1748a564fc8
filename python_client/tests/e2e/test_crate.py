"""A generated crate stands alone and proves itself; a changed weight does not pass."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from oxidizedvision import package, validate
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.pipeline import PipelineResult
from tests.e2e.conftest import REPOSITORY, cargo

pytestmark = pytest.mark.e2e


def change_one_weight(model: Path) -> None:
    proto = onnx.load(model)
    weight = next(item for item in proto.graph.initializer if len(item.dims) == 4)
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] += 0.05
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(proto, model)


@pytest.fixture(scope="module", params=["tract", "rten"])
def crate(
    request: pytest.FixtureRequest,
    whole_run: PipelineResult,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    model = whole_run.manifest.parent / "denoiser.optimized.onnx"
    folder = tmp_path_factory.mktemp("outside") / "crate"
    return package(model, output=folder, engine=request.param).path


def test_its_own_tests_compare_it_with_pytorch(crate: Path) -> None:
    done = cargo("test", "--release", "--locked", "--offline", folder=crate)
    assert done.returncode == 0, done.stderr
    assert "1 passed" in done.stdout


def test_no_path_leads_back(crate: Path) -> None:
    for file in crate.rglob("*"):
        if file.suffix in (".toml", ".rs", ".lock", ".md", ".json"):
            assert str(REPOSITORY) not in file.read_text(encoding="utf-8"), file


def test_a_changed_weight_fails_its_tests(crate: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(crate, tmp_path / "changed")
    change_one_weight(copy / "model.onnx")
    done = cargo("test", "--release", "--offline", folder=copy)
    assert done.returncode != 0
    assert "1 failed" in done.stdout + done.stderr


def test_a_changed_weight_fails_validation_and_packaging(
    example: Path, whole_run: PipelineResult, tmp_path: Path
) -> None:
    folder = shutil.copytree(whole_run.manifest.parent, tmp_path / "out")
    model = folder / "denoiser.optimized.onnx"
    change_one_weight(model)
    report = validate(folder / "denoiser.oxv.json", runners=["onnxruntime", "tract", "rten"])
    assert not report.passed
    assert not any(row.passed for row in report.results)
    assert [row.file for row in report.integrity if not row.passed] == [model.name]

    with pytest.raises(OxidizedVisionError) as caught:
        package(model, output=tmp_path / "crate", engine="rten")
    assert caught.value.kind is Kind.CHECK_FAILED
    assert not (tmp_path / "crate").exists()


def test_a_folder_that_is_no_package_is_left_alone(
    whole_run: PipelineResult, tmp_path: Path
) -> None:
    mine = tmp_path / "thesis.txt"
    mine.write_text("years of work")
    with pytest.raises(OxidizedVisionError) as caught:
        package(whole_run.manifest.parent / "denoiser.onnx", output=tmp_path, engine="rten")
    assert caught.value.kind is Kind.USAGE
    assert mine.read_text() == "years of work"


def test_tensors_go_through_the_program(whole_run: PipelineResult, tmp_path: Path) -> None:
    from oxidizedvision import load

    rng = np.random.default_rng(7)
    array = rng.random((1, 3, 50, 41), dtype=np.float32)
    assert whole_run.executable is not None
    with (
        load(whole_run.executable, runner="program") as program,
        load(whole_run.manifest.parent / "denoiser.onnx", runner="onnxruntime") as reference,
    ):
        np.testing.assert_allclose(program.run(array), reference.run(array), atol=1e-5)
