"""TensorRT through Python, on a stand-in for `trtexec` that computes and answers in its format."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tiny_network import Artifact

from oxidizedvision import EngineSettings, load, predict, try_backends
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners import availability, backends

ROOT = Path(__file__).parents[3]
TOLERANCE = 1e-5

pytestmark = pytest.mark.skipif(shutil.which("cargo") is None, reason="the stand-in is Rust")


@pytest.fixture(scope="session")
def built() -> Path:
    """The stand-in's executable."""
    command = "cargo build --release --locked -q -p runner_tensorrt --example trtexec_stand_in"
    workspace = ROOT / "rust_runtime"
    subprocess.run(command.split(), cwd=workspace, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", workspace / "target"))
    return target / "release" / "examples" / "trtexec_stand_in"


@pytest.fixture
def stand_in(built: Path, tmp_path: Path) -> Path:
    """A folder with the stand-in under the names of NVIDIA's programs.

    Each test has its own: what a program answered once is remembered for its path.
    """
    folder = tmp_path / "tensorrt"
    folder.mkdir()
    for name in ("trtexec", "nvidia-smi"):
        shutil.copy(built, folder / name)
    return folder


@pytest.fixture
def tensorrt(stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in in place of TensorRT, with an empty cache; gives the cache's home."""
    monkeypatch.setenv("TRTEXEC", str(stand_in / "trtexec"))
    monkeypatch.setenv("PATH", f"{stand_in}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "home"


@pytest.mark.parametrize("version", ["8.6.1", "9.3.0", "10.3.0"])
def test_it_gives_what_pytorch_gives(
    tensorrt: Path, tiny_shared: Artifact, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("OXV_STANDIN_TENSORRT", version)
    array = np.random.default_rng(0).standard_normal((2, 3, 8, 10)).astype(np.float32)
    expected = load(tiny_shared.config, runner="pytorch").run(array)
    with load(tiny_shared.onnx, runner="tensorrt") as runner:
        np.testing.assert_allclose(runner.run(array), expected, atol=TOLERANCE)
        info = runner.info
    assert (info.backend, info.device, info.backend_version) == ("tensorrt", "cuda:0", version)
    assert list(tensorrt.rglob("*.engine"))


def test_backends_tell_its_devices_and_what_is_missing(tensorrt: Path, stand_in: Path) -> None:
    rows = {row.name: row for row in backends()}
    assert (rows["tensorrt"].status, rows["tensorrt"].devices) == ("ready", ("cuda:0",))
    assert "f64" not in rows["tensorrt"].dtypes
    os.environ["TRTEXEC"] = str(stand_in / "elsewhere")
    state = availability("tensorrt")
    assert state.status == "missing"
    assert "TRTEXEC" in state.hint


def test_every_precision_is_tried(tensorrt: Path, tiny_shared: Artifact) -> None:
    rows = [row for row in try_backends(tiny_shared.onnx).rows if row.name == "tensorrt"]
    assert [(row.precision, row.status) for row in rows] == [
        ("fp32", "works"),
        ("fp16", "works"),
        ("int8", "load_error"),
    ]
    assert "calibration" in rows[-1].reason + rows[-1].hint


def test_predict_hands_on_precision_and_options(
    tensorrt: Path, tiny_shared: Artifact, tmp_path: Path
) -> None:
    array = np.random.default_rng(0).standard_normal((1, 3, 8, 12)).astype(np.float32)
    np.save(tmp_path / "x.npy", array)
    cache = tmp_path / "cache"
    settings = EngineSettings(precision="fp16", options={"cache_dir": str(cache)})
    predict(
        tiny_shared.onnx,
        tmp_path / "x.npy",
        runner="tensorrt",
        output=tmp_path / "y.npy",
        settings=settings,
    )
    assert np.load(tmp_path / "y.npy").shape == array.shape
    assert list(cache.rglob("*.engine"))


@pytest.mark.parametrize(
    ("device", "kind"), [("cpu", Kind.DEVICE_UNAVAILABLE), ("cuda:1", Kind.DEVICE_UNAVAILABLE)]
)
def test_another_device_is_refused(
    tensorrt: Path, tiny_shared: Artifact, device: str, kind: Kind
) -> None:
    with pytest.raises(OxidizedVisionError, match="cuda:0") as caught:
        load(tiny_shared.onnx, runner="tensorrt", device=device)
    assert caught.value.kind is kind
