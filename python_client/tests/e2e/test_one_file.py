"""The real programs of the native wheel with a model at their end, on real pictures."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from oxidizedvision import benchmark, package, predict, verify
from oxidizedvision.benchmark import BenchmarkOptions
from oxidizedvision.core.errors import ExitCode, OxidizedVisionError
from oxidizedvision.pipeline import PipelineResult

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:The program of"),  # those of tests are larger
]

FLIPS = 200


@pytest.fixture(scope="module", params=["rten", "tract"])
def executable(
    request: pytest.FixtureRequest,
    whole_run: PipelineResult,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    model = whole_run.manifest.parent / "denoiser.optimized.onnx"
    output = tmp_path_factory.mktemp("elsewhere") / "denoiser"
    return package(model, kind="executable", output=output, engine=request.param).path


@pytest.fixture(scope="module")
def model(whole_run: PipelineResult) -> Path:
    return whole_run.manifest.parent / "denoiser.optimized.onnx"


def started(
    executable: Path, *arguments: str | Path, root: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [str(executable), *map(str, arguments)]
    if root is not None:
        command = ["chroot", str(root), *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_answers_as_the_python_reference(
    executable: Path, model: Path, photograph: Path, tmp_path: Path
) -> None:
    done = started(executable, photograph, tmp_path / "program.png")
    assert done.returncode == 0, done.stderr
    predict(model, photograph, runner="onnxruntime", output=tmp_path / "python.png")
    ours, theirs = (
        np.asarray(Image.open(tmp_path / name), dtype=int) for name in ("program.png", "python.png")
    )
    assert np.abs(ours - theirs).max() <= 1


def test_it_checks_itself_and_is_verified(executable: Path, model: Path) -> None:
    done = started(executable, "--check")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pass ") >= 1
    report = verify(executable, origin=model.parent)
    assert {link.status for link in report.links} == {"whole"}, report.links


def test_the_tolerance_of_the_packaged_file_counts(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model.parent, tmp_path / "run")
    (manifest,) = folder.glob("*.oxv.json")
    document = json.loads(manifest.read_text())
    stage = next(one for one in document["stages"] if one["output"]["file"] == model.name)
    stage["tolerance"] = {"mae": 1e-12, "cosine_similarity": 0.999}
    manifest.write_text(json.dumps(document))
    output = tmp_path / "denoiser"
    with pytest.raises(OxidizedVisionError, match=r"tolerance: MAE 1\.0e-12"):
        package(folder / model.name, kind="executable", output=output, engine="rten")
    assert not output.exists()


def test_it_is_measured_in_place_of_a_model(executable: Path) -> None:
    report = benchmark(
        executable, options=BenchmarkOptions(iters=4, warmup_iters=1, processes=2, threads=1)
    )
    (row,) = report.results
    assert row.runner == "program"
    assert row.p50_ms > 0
    assert not report.failures


def test_it_answers_programs_in_json(executable: Path, tmp_path: Path) -> None:
    checked = json.loads(started(executable, "--check", "--json").stdout)
    assert checked["passed"]
    extracted = json.loads(started(executable, "--extract", tmp_path / "x", "--json").stdout)
    assert {Path(name).name for name in extracted["files"]} >= {"model.onnx", "package.oxv.json"}
    again = started(executable, "--extract", tmp_path / "x", "--json")
    assert again.returncode == ExitCode.FILE_SYSTEM
    assert json.loads(again.stdout)["error"]["kind"] == "file_system"


def test_no_flipped_bit_is_answered(executable: Path, photograph: Path, tmp_path: Path) -> None:
    whole = executable.read_bytes()
    with ZipFile(executable) as archive:
        program = min(part.header_offset for part in archive.infolist())
    generator = random.Random(11)  # noqa: S311 - places only
    flipped, result = tmp_path / "flipped", tmp_path / "result.png"
    shutil.copy2(executable, flipped)
    for count in range(FLIPS):
        place = generator.randrange(program if count % 2 else 0, len(whole))
        with flipped.open("r+b") as file:
            file.seek(place)
            file.write(bytes([whole[place] ^ (1 << generator.randrange(8))]))
        try:
            done = started(flipped, photograph, result, "--json")
        except OSError:  # what the system does not even start gives no answer
            pass
        else:
            assert done.returncode != 0, place
            assert not done.stdout or "error" in json.loads(done.stdout), place
            if place >= program:  # the program is whole, and tells it whatever its model did
                assert done.returncode == ExitCode.CHECK_FAILED, (place, done.stderr)
                assert "is damaged" in done.stderr, place
        assert not result.exists(), place
        assert not verify(flipped).passed, place
        with flipped.open("r+b") as file:
            file.seek(place)
            file.write(whole[place : place + 1])


def test_it_runs_where_there_is_nothing_but_the_c_library(
    executable: Path, photograph: Path, tmp_path: Path
) -> None:
    if sys.platform != "linux" or subprocess.run(["chroot", "/", "true"], check=False).returncode:
        pytest.skip("an empty root needs Linux and the right to change to it")
    root = tmp_path / "root"
    root.mkdir()
    listed = subprocess.run(["ldd", executable], capture_output=True, text=True, check=True).stdout
    for word in listed.split():
        if word.startswith("/"):
            target = root / word.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, target)
    shutil.copy2(executable, root / "program")
    shutil.copy(photograph, root / "photo.png")
    done = started(Path("/program"), "/photo.png", "/clean.png", root=root)
    assert done.returncode == 0, done.stderr
    assert started(executable, photograph, tmp_path / "clean.png").returncode == 0
    assert (root / "clean.png").read_bytes() == (tmp_path / "clean.png").read_bytes()
