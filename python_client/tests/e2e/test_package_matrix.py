"""Every kind of crate with every engine: its own tests, and clippy. `make test-packages`.

The everyday tests build one engine a kind; here are the others, vendored sources, and the header.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest
from tiny_network import Artifact

from oxidizedvision import package
from oxidizedvision.package import KINDS
from oxidizedvision.package.build import target_folder
from oxidizedvision.package.crate import CrateKind
from oxidizedvision.package.sources import rust_root
from oxidizedvision.pipeline import PipelineResult
from tests.e2e.conftest import cargo
from tests.package.test_crate_texts import texts

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif("OXV_PACKAGES" not in os.environ, reason="`make test-packages` builds them"),
]

ROWS = [
    (kind, engine)
    for kind, row in KINDS.items()
    if isinstance(row, CrateKind)
    for engine in row.engines
]


def folder_of(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{module} is not installed")
    return Path(spec.submodule_search_locations[0])


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `trtexec` and `nvidia-smi` that stand in for NVIDIA's."""
    build = ("build", "--release", "--locked", "-p", "runner_tensorrt")
    done = cargo(*build, "--example", "trtexec_stand_in", folder=rust_root())
    assert done.returncode == 0, done.stderr
    folder = tmp_path_factory.mktemp("tensorrt")
    for name in ("trtexec", "nvidia-smi"):
        (folder / name).symlink_to(target_folder() / "release/examples/trtexec_stand_in")
    says = {"version": "10.3.0", "gpus": ["NVIDIA A10 (UUID: GPU-a)"], "behaviour": ""}
    (folder / "stand-in.json").write_text(json.dumps({**says, "log": str(folder / "calls.log")}))
    return folder


def environment_of(engine: str, request: pytest.FixtureRequest) -> Mapping[str, str]:
    """What the engine needs to be built and run."""
    path = os.environ["PATH"]
    if engine == "ort":
        (library,) = (folder_of("onnxruntime") / "capi").glob("libonnxruntime.so.*")
        return {"ORT_DYLIB_PATH": str(library)}
    if engine == "tch":
        return {
            "LIBTORCH_USE_PYTORCH": "1",
            "PATH": f"{Path(sys.executable).parent}:{path}",
            "LD_LIBRARY_PATH": str(folder_of("torch") / "lib"),
        }
    if engine == "tensorrt":
        folder = request.getfixturevalue("stand_in")
        return {
            "PATH": f"{folder}:{path}",
            "TRTEXEC": str(folder / "trtexec"),
            "OXIDIZEDVISION_HOME": str(folder / "home"),
        }
    return {}


@pytest.mark.parametrize(("kind", "engine"), ROWS)
def test_a_crate_proves_itself_and_clippy_is_silent(
    kind: str,
    engine: str,
    whole_run: PipelineResult,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    environment = environment_of(engine, request)
    crate = package(whole_run.manifest, kind=kind, engine=engine, output=tmp_path / "crate").path
    ending = "pt" if engine == "tch" else "onnx"
    assert (crate / f"model.{ending}").is_file()
    locked = ("--release", "--locked", "--offline")
    tested = cargo("test", *locked, folder=crate, environment=environment)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 passed" in tested.stdout
    features = ("--features", "capi,python") if kind == "library" else ()
    lints = ("--all-targets", *features, "--", "-D", "warnings")
    linted = cargo("clippy", *locked, *lints, folder=crate, environment=environment)
    assert linted.returncode == 0, linted.stderr


def test_a_crate_builds_from_vendored_sources(whole_run: PipelineResult, tmp_path: Path) -> None:
    """With an empty home of Cargo, no network, and a target folder of its own."""
    crate = package(whole_run.manifest, kind="library", engine="rten", output=tmp_path / "c").path
    vendored = cargo("vendor", "--locked", "--offline", folder=crate)
    assert vendored.returncode == 0, vendored.stderr
    (crate / ".cargo").mkdir()
    (crate / ".cargo/config.toml").write_text(vendored.stdout)
    empty = {"CARGO_HOME": str(tmp_path / "home"), "CARGO_TARGET_DIR": str(tmp_path / "target")}
    tested = cargo("test", "--release", "--frozen", folder=crate, environment=empty)
    assert tested.returncode == 0, tested.stderr
    assert "1 passed" in tested.stdout


@pytest.mark.skipif(shutil.which("cbindgen") is None, reason="`cargo install cbindgen`")
@pytest.mark.parametrize("pictures", [True, False])
def test_the_header_is_what_cbindgen_writes(
    pictures: bool, whole_run: PipelineResult, tiny: Artifact, tmp_path: Path
) -> None:
    crate = package(whole_run.manifest, kind="library", engine="rten", output=tmp_path / "c").path
    header = crate / "include" / "denoiser.h"
    if not pictures:
        for name, text in texts(tiny, "library", names=["image", "scale"]).items():
            (crate / name).write_text(text, encoding="utf-8")
        header = crate / "include" / "tiny.h"
    command = ["cbindgen", "--config", "cbindgen.toml", "--quiet"]
    written = subprocess.run(command, cwd=crate, capture_output=True, text=True, check=True)
    assert ("run_file" in written.stdout) is pictures
    assert header.read_text() == written.stdout
