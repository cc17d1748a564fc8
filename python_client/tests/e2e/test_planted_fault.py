"""Each runner is the engine that it says it is: a fault planted in one shows in its rows only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from oxidizedvision.package.build import target_folder
from oxidizedvision.pipeline import PipelineResult
from tests.e2e.conftest import REPOSITORY, cargo

pytestmark = pytest.mark.e2e

HONEST = "tensor::from_tract(&output, spec).map_err(failed)"
PLANTED = f"{HONEST}.map(spoil)"
VERSION = "\nversion.workspace = true\n"
SPOIL = """
/// Planted: every output is a little too large.
fn spoil(output: Tensor) -> Tensor {
    match output {
        Tensor::F32(array) => Tensor::F32(array + 0.01),
        other => other,
    }
}
"""


def plant(workspace: Path) -> None:
    """Make tract's crate add a little to what the engine gave."""
    source = workspace / "crates" / "runner_tract" / "src" / "lib.rs"
    text = source.read_text()
    assert text.count(HONEST) == 1
    source.write_text(text.replace(HONEST, PLANTED) + SPOIL)
    # Cargo tells crates apart by name, version and place in their workspace. With the version of
    # the honest crate, what is built here would pass for it in every later build.
    manifest = workspace / "crates" / "runner_tract" / "Cargo.toml"
    text = manifest.read_text()
    assert text.count(VERSION) == 1
    manifest.write_text(text.replace(VERSION, '\nversion = "0.1.0-planted"\n'))


@pytest.fixture(scope="module")
def faulty_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a native module whose tract adds 0.01 to every output."""
    folder = tmp_path_factory.mktemp("faulty")
    workspace = folder / "rust_runtime"
    shutil.copytree(REPOSITORY / "rust_runtime", workspace, ignore=shutil.ignore_patterns("target"))
    plant(workspace)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target_folder())}
    manifest = workspace / "crates" / "runner_python" / "Cargo.toml"
    command = [sys.executable, "-m", "maturin", "build", "--quiet", "--release", "--offline"]
    command += ["--interpreter", sys.executable, "--manifest-path", str(manifest)]
    command += ["--out", str(folder)]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_the_honest_engine_is_not_built_over(faulty_module: Path) -> None:
    done = cargo(
        *("test", "--release", "--offline", "-q", "-p", "runners", "--no-default-features"),
        *("--features", "tract", "--test", "conformance", "tract_conforms"),
        folder=REPOSITORY / "rust_runtime",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_only_the_rows_of_tract_fail(faulty_module: Path, whole_run: PipelineResult) -> None:
    environment = {**os.environ, "PYTHONPATH": str(faulty_module)}
    command = [sys.executable, "-m", "oxidizedvision", "validate", str(whole_run.manifest)]
    for runner in ("torchscript", "onnxruntime", "tract", "rten"):
        command += ["--runner", runner]
    done = subprocess.run(
        [*command, "--json"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    rows = json.loads(done.stdout)["results"]
    assert {row["runner"]: row["passed"] for row in rows} == {
        "torchscript": True,
        "onnxruntime": True,
        "tract": False,
        "rten": True,
    }
