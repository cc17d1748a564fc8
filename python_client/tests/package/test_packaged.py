"""`predict`, `validate` and `benchmark` take a package in place of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_prebuilt import write_prebuilt
from tiny_network import Artifact

from oxidizedvision import package, predict, validate
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.package import build, prebuilt
from oxidizedvision.packaged import is_package


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(build, "find_cargo", lambda: None)
    monkeypatch.setenv(prebuilt.VARIABLE, str(write_prebuilt(tmp_path / "prebuilt")))


@pytest.fixture
def file(double: Artifact) -> Path:
    return package(double.onnx, kind="executable").path


def test_what_is_a_package(file: Path, double: Artifact, tmp_path: Path) -> None:
    crate = package(double.onnx, output=tmp_path / "crate").path
    assert is_package(file)
    assert is_package(str(crate))
    others = (double.onnx, double.manifest, double.config, tmp_path, tmp_path / "nothing")
    assert not any(map(is_package, others))


def test_predict_runs_the_packaged_program(file: Path, tmp_path: Path) -> None:
    given = np.ones((1, 3, 8, 12), np.float32)
    np.save(tmp_path / "x.npy", given)
    report = predict(file, tmp_path / "x.npy", output=tmp_path / "y.npy")
    assert report.runner == "program"
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), given * 2)


def test_validate_checks_the_packaged_program(file: Path, tmp_path: Path) -> None:
    report = validate(file)
    assert report.passed
    assert {row.runner for row in report.results} == {"program"}


def test_another_runner_runs_the_packages_model(file: Path) -> None:
    report = validate(file, runners=["onnxruntime"])
    assert {"onnxruntime"} <= {row.runner for row in report.results}
    assert report.passed


def test_a_damaged_package_is_refused_before_it_runs(file: Path, tmp_path: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    np.save(tmp_path / "x.npy", np.ones((1, 3, 8, 12), np.float32))
    with pytest.raises(OxidizedVisionError) as caught:
        predict(file, tmp_path / "x.npy", output=tmp_path / "y.npy")
    assert caught.value.kind is Kind.CHECK_FAILED
    assert not (tmp_path / "y.npy").exists()


def test_a_crate_that_is_not_built_says_so(double: Artifact, tmp_path: Path) -> None:
    crate = package(double.onnx, output=tmp_path / "crate").path
    with pytest.raises(OxidizedVisionError) as caught:
        validate(crate)
    assert caught.value.kind is Kind.BACKEND_UNAVAILABLE
    assert "--build" in caught.value.hint
    assert validate(crate, runners=["onnxruntime"]).results
