"""Servers that many tests share: the models of testdata, and the trained denoiser."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import MODELS, ROOT, Served, serving

from oxidizedvision.runners import availability

FIRST_CHOICE = ("ort", "tract")
"""Engines for the models of testdata, the one that takes every element type first."""


@pytest.fixture(scope="session")
def native_server() -> None:
    """Skip where the native module is not there, or has no server."""
    module = pytest.importorskip("oxidizedvision_native", reason="`make native` builds it")
    if not hasattr(module, "serve"):
        pytest.skip("the native module has no server: `make native` builds it anew")


@pytest.fixture(scope="session")
def engine_of_testdata(native_server: None) -> str:
    """An engine that takes as many element types as can be had here."""
    return next(name for name in FIRST_CHOICE if availability(name).ready)


@pytest.fixture(scope="session")
def testdata_server(
    tmp_path_factory: pytest.TempPathFactory, engine_of_testdata: str
) -> Iterator[Served]:
    """Every ONNX model of testdata."""
    models = sorted(MODELS.glob("*.onnx"))
    log = tmp_path_factory.mktemp("testdata-server") / "log"
    with serving(*models, "--runner", engine_of_testdata, log=log) as server:
        yield server


@pytest.fixture(scope="session")
def denoiser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of the trained denoiser, converted once."""
    from oxidizedvision.convert import convert

    folder = tmp_path_factory.mktemp("denoiser")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OXIDIZEDVISION_HOME", str(folder / "home"))
        convert(ROOT / "examples" / "denoiser" / "config.yml", output_dir=folder)
    return folder / "denoiser.oxv.json"


@pytest.fixture(scope="session")
def denoiser_server(
    tmp_path_factory: pytest.TempPathFactory, native_server: None, denoiser: Path
) -> Iterator[Served]:
    """The trained denoiser, on an engine that needs nothing."""
    log = tmp_path_factory.mktemp("denoiser-server") / "log"
    with serving(denoiser, "--runner", "rten", log=log) as server:
        yield server


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of the test's own, and no settings of the machine's."""
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    for name in [key for key in os.environ if key.startswith("OXIDIZEDVISION_SERVER_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def tensorrt_stand_in(tmp_path: Path) -> Path:
    """A folder with the stand-in for `trtexec` under the names of NVIDIA's programs."""
    command = "cargo build --release --locked -q -p runner_tensorrt --example trtexec_stand_in"
    workspace = ROOT / "rust_runtime"
    subprocess.run(command.split(), cwd=workspace, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", workspace / "target"))
    folder = tmp_path / "tensorrt"
    folder.mkdir()
    for name in ("trtexec", "nvidia-smi"):
        shutil.copy(target / "release" / "examples" / "trtexec_stand_in", folder / name)
    return folder
