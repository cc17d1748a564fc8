"""Two builds give one program, and programs of another processor answer. `make test-packages`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from oxidizedvision import package, predict, validate, verify
from oxidizedvision.core.files import sha256_of
from oxidizedvision.package import prebuilt
from oxidizedvision.package.sources import rust_root
from oxidizedvision.pipeline import PipelineResult
from oxidizedvision.runners.emulated import processor_of
from tests.e2e.conftest import cargo

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif("OXV_PACKAGES" not in os.environ, reason="`make test-packages` builds them"),
]

TARGET = "aarch64-unknown-linux-gnu"
WITHOUT_CROSS = not all(map(shutil.which, ("aarch64-linux-gnu-gcc", "qemu-aarch64-static")))


def built(crate: Path) -> Path:
    """The program as docs/packaging.md builds it where paths are to leave no trace."""
    home = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    asked = ["rustc", "--print", "sysroot"]
    library = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    told = {crate: "/crate", home: "/cargo", library: "/rust"}
    flags = " ".join(f"--remap-path-prefix={path}={name}" for path, name in told.items())
    environment = {"RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(crate / "target")}
    done = cargo("build", "--release", "--locked", folder=crate, environment=environment)
    assert done.returncode == 0, done.stderr
    return crate / "target/release/denoiser"


def test_two_builds_in_two_folders_give_the_same_program(
    whole_run: PipelineResult, tmp_path: Path
) -> None:
    sums = set()
    for folder in (tmp_path / "here", tmp_path / "there/and/deeper"):
        crate = package(whole_run.manifest, engine="rten", output=folder / "crate").path
        program = built(crate)
        content = program.read_bytes()
        assert str(tmp_path).encode() not in content
        assert str(Path.home()).encode() not in content
        sums.add(sha256_of(program))
        shutil.rmtree(crate / "target")
    assert len(sums) == 1


@pytest.fixture(scope="module")
def foreign() -> None:
    """Programs for aarch64, linked with the C library, in the folder of this machine's."""
    if WITHOUT_CROSS:
        pytest.skip("apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static")
    script = rust_root().parent / "scripts/executables.sh"
    subprocess.run([script, "--everyday", "--target", TARGET], check=True)


@pytest.mark.usefixtures("foreign")
@pytest.mark.filterwarnings("ignore:The program of")
@pytest.mark.parametrize("engine", prebuilt.ENGINES)
def test_a_program_for_aarch64_gives_pytorchs_answers(
    engine: str, whole_run: PipelineResult, photograph: Path, tmp_path: Path
) -> None:
    made = package(
        whole_run.manifest, kind="executable", engine=engine, target=TARGET, output=tmp_path / "x"
    )
    assert processor_of(made.path) == "aarch64"
    report = verify(made.path, origin=whole_run.manifest.parent)
    assert {link.status for link in report.links} == {"whole"}, report.links
    assert validate(made.path).passed
    qemu = ["qemu-aarch64-static", made.path, photograph, tmp_path / "program.png"]
    subprocess.run(qemu, check=True)
    predict(whole_run.manifest, photograph, runner="torchscript", output=tmp_path / "python.png")
    ours, theirs = (
        np.asarray(Image.open(tmp_path / name), dtype=int) for name in ("program.png", "python.png")
    )
    assert np.abs(ours - theirs).max() <= 1
