"""A packaged library gives what PyTorch gives: used from Rust, from C and from Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_network import Artifact

from oxidizedvision import load, package
from oxidizedvision.package.build import target_folder
from oxidizedvision.pipeline import PipelineResult
from tests.e2e.conftest import REPOSITORY, cargo, same_picture
from tests.e2e.test_crate import change_one_weight
from tests.package.test_crate_texts import texts
from tests.package.test_rust_text import HOSTILE

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def crate(whole_run: PipelineResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = whole_run.manifest.parent / "denoiser.optimized.onnx"
    folder = tmp_path_factory.mktemp("outside") / "library"
    return package(model, kind="library", output=folder, engine="rten").path


def done(*arguments: str, folder: Path) -> str:
    made = cargo(*arguments, "--locked", "--offline", folder=folder)
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_its_own_tests_compare_it_with_pytorch(crate: Path) -> None:
    assert "1 passed" in done("test", "--release", folder=crate)


def test_its_example_takes_a_picture_through_it(
    crate: Path, photograph: Path, reference: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    done("build", "--release", "--examples", folder=crate)
    program = target_folder() / "release" / "examples" / "run"
    made = tmp_path / "made.png"
    subprocess.run([program, photograph, made], check=True)
    same_picture(made, reference)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
def test_it_is_used_from_c(
    crate: Path,
    whole_run: PipelineResult,
    photograph: Path,
    reference: np.ndarray[Any, Any],
    tmp_path: Path,
) -> None:
    kind = ("--lib", "--features", "capi", "--crate-type", "staticlib")
    done("rustc", "--release", *kind, folder=crate)
    library = target_folder() / "release" / "libdenoiser.a"
    program, made = tmp_path / "program", tmp_path / "made.png"
    source = Path(__file__).with_name("library.c")
    flags = ("-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{crate / 'include'}")
    libraries = (library, "-lpthread", "-ldl", "-lm")
    subprocess.run(["gcc", *flags, source, "-o", program, *libraries], check=True)
    run = subprocess.run([program, photograph, made], capture_output=True, text=True, check=False)
    assert run.returncode == 0, (run.returncode, run.stderr)
    same_picture(made, reference)
    assert run.stderr == 'input: input "input": 360 bytes are no f32 of the axes [1, 4, 6, 5]\n'
    printed = np.array(run.stdout.split(), dtype=np.float32).reshape(1, 3, 6, 5)
    with load(whole_run.manifest.parent / "denoiser.pt", runner="torchscript") as pytorch:
        expected = pytorch.run(np.zeros((1, 3, 6, 5), dtype=np.float32))
    np.testing.assert_allclose(printed, expected, atol=1e-5)


SCRIPT = """
import sys
import numpy as np
from PIL import Image
from denoiser import Model, ModelError

model = Model(threads=1)
assert (model.inputs, model.outputs, model.labels) == (["input"], ["output"], None)
picture = model.run_file(open(sys.argv[1], "rb").read())
assert picture.dtype == np.uint8
Image.fromarray(picture).save(sys.argv[2])
outputs = model.run({"input": np.zeros((1, 3, 6, 5), dtype=np.float32)})
assert outputs["output"].shape == (1, 3, 6, 5)
for wrong in ({"input": np.zeros(3, dtype=np.float32)}, {"input": "text"}, {"x": np.zeros(1)}):
    try:
        model.run(wrong)
    except ModelError as error:
        print(error)
"""


@pytest.mark.skipif(
    not Path(sys.executable).with_name("maturin").exists(), reason="maturin is not installed"
)
def test_it_is_used_from_python(
    crate: Path, photograph: Path, reference: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    maturin = Path(sys.executable).with_name("maturin")
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target_folder())}
    command = [maturin, "build", "--release", "--locked", "--offline", "--out", tmp_path]
    built = subprocess.run(
        [*command, "--interpreter", sys.executable],
        cwd=crate,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("denoiser-0.1.0-cp311-abi3-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    made = tmp_path / "made.png"
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, photograph, made],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert [line.split(":")[0] for line in run.stdout.splitlines()] == [
        "shape_mismatch",
        "input",
        "unknown_input",
    ]
    same_picture(made, reference)


def test_names_that_would_be_code_are_names(crate: Path, tiny: Artifact, tmp_path: Path) -> None:
    """It compiles, with all its interfaces and without a warning."""
    hostile = shutil.copytree(crate, tmp_path / "hostile")
    for name, text in texts(tiny, "library", names=HOSTILE).items():
        (hostile / name).parent.mkdir(parents=True, exist_ok=True)
        if name != "Cargo.lock":
            (hostile / name).write_text(text, encoding="utf-8")
    made = cargo("build", "--release", "--offline", "--features", "capi", folder=hostile)
    assert made.returncode == 0, made.stderr
    assert "warning" not in made.stderr, made.stderr


def test_a_changed_weight_fails_its_tests(crate: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(crate, tmp_path / "changed")
    change_one_weight(copy / "model.onnx")
    changed = cargo("test", "--release", "--offline", "--test", "golden", folder=copy)
    assert changed.returncode != 0
    assert "1 failed" in changed.stdout + changed.stderr


def test_no_path_leads_back(crate: Path) -> None:
    for file in crate.rglob("*"):
        if file.suffix in (".toml", ".rs", ".lock", ".md", ".json", ".h", ".pyi"):
            assert str(REPOSITORY) not in file.read_text(encoding="utf-8"), file
