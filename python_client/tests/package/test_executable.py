"""One file with a program and a model: proved before it is there, or not there at all."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fake_prebuilt import write_prebuilt
from tiny_network import Artifact

from oxidizedvision import package
from oxidizedvision.core.crates import MARK
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.package import PackageResult, archive, prebuilt
from oxidizedvision.package.bill import BILL
from oxidizedvision.package.seal import SEAL
from oxidizedvision.package.template import GOLDENS
from oxidizedvision.registry import describe, register


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prebuilt programs that double."""
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    folder = write_prebuilt(tmp_path / "prebuilt")
    monkeypatch.setenv(prebuilt.VARIABLE, str(folder))
    return folder


def executable(double: Artifact, **options: Any) -> PackageResult:
    return package(double.onnx, kind="executable", **options)


def refused(double: Artifact, **options: Any) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        executable(double, **options)
    return caught.value


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_is_one_file_that_runs_and_carries_model_and_papers(
    double: Artifact, programs: Path
) -> None:
    result = executable(double)
    assert (result.path, result.executable) == (double.onnx.parent / "tiny-executable",) * 2
    assert result.engine == "rten"
    assert result.bytes == result.path.stat().st_size
    assert result.files == ()
    assert result.path.read_bytes().startswith((programs / "executable-rten").read_bytes())
    assert subprocess.run([result.path, "--check"], check=False).returncode == 0
    with zipfile.ZipFile(result.path) as parts:
        assert parts.namelist() == [SEAL, "model.onnx", GOLDENS, MARK, BILL]
        assert parts.read("model.onnx") == double.onnx.read_bytes()
        seal = json.loads(parts.read(SEAL))
        assert json.loads(parts.read(MARK))["packages"] == []
        bill = json.loads(parts.read(BILL))
    assert (seal["kind"], seal["engine"], seal["model"]) == ("executable", "rten", "model.onnx")
    names = {row["name"]: row for row in bill["components"]}
    assert names["tiny"]["hashes"][0]["content"] == sha256_of(double.onnx)
    assert {"runner_rten", "torch", "onnx"} <= set(names)
    assert names["torch"]["purl"].startswith("pkg:pypi/torch@")


def test_the_same_model_gives_the_same_file(double: Artifact, tmp_path: Path) -> None:
    one, other = (executable(double, output=tmp_path / name, name="net") for name in "ab")
    assert one.path.read_bytes() == other.path.read_bytes()


def test_it_stands_in_the_manifest_and_the_chain(double: Artifact) -> None:
    register(double.manifest)
    result = executable(double, engine="tract")
    (record,) = load_manifest(double.manifest).packages
    assert (record.kind, record.engine, record.program) == ("executable", "tract", None)
    assert record.sha256 == sha256_of(result.path)
    row = next(item for item in describe("tiny").lineage if item.role == "executable")
    assert (row.status, row.made_from) == ("present", sha256_of(double.onnx))
    result.path.write_bytes(b"other")
    row = next(item for item in describe("tiny").lineage if item.role == "executable")
    assert row.status == "changed"


def test_other_answers_than_pytorchs_leave_nothing(
    double: Artifact, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = left_in(double.onnx.parent)
    write_prebuilt(programs, factor=2.5)
    error = refused(double)
    assert (error.kind, ".oxv-" in error.message) == (Kind.CHECK_FAILED, False)
    assert left_in(double.onnx.parent) == before
    assert load_manifest(double.manifest).packages == []
    assert "Convert the model again" in error.hint
    # A file whose limits are its own was made for an engine, and that may be another one.
    manifest = load_manifest(double.manifest)
    own = manifest.tolerance.model_copy(update={"mae": manifest.tolerance.mae / 2})
    stages = [stage.model_copy(update={"tolerance": own}) for stage in manifest.stages]
    manifest.model_copy(update={"stages": stages}).save(double.manifest)
    assert "`oxidizedvision optimize --engine rten`" in refused(double, engine="rten").hint


def test_what_is_no_executable_of_ours_is_never_replaced(double: Artifact, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("a file of mine")
    assert refused(double, output=mine).kind is Kind.USAGE
    assert mine.read_text() == "a file of mine"
    (tmp_path / "folder").mkdir()
    assert refused(double, output=tmp_path / "folder").kind is Kind.USAGE
    assert refused(double, output=Path(os.devnull)).kind is Kind.USAGE
    os.mkfifo(tmp_path / "pipe")
    assert refused(double, output=tmp_path / "pipe").kind is Kind.USAGE
    first = executable(double, output=tmp_path / "ours").path.read_bytes()
    again = executable(double, output=tmp_path / "ours", engine="tract")
    assert again.path.read_bytes() != first
    assert [p.engine for p in load_manifest(double.manifest).packages] == ["tract"]


def test_a_source_that_changed_since_is_told(double: Artifact) -> None:
    source = double.folder / load_manifest(double.manifest).source.path
    source = source if source.is_file() else next(double.folder.glob("*.py"))
    source.write_text(f"{source.read_text()}\n")
    with pytest.warns(OxidizedVisionWarning, match="has changed since tiny was converted"):
        executable(double)


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"engine": "ort"}, Kind.USAGE, "rten, tract"),
        ({"build": True}, Kind.USAGE, "--build"),
        ({"name": "../x"}, Kind.USAGE, "name"),
        ({"name": ""}, Kind.USAGE, "name"),
        ({"target": "../x"}, Kind.DEPENDENCY_MISSING, "scripts/executables.sh --target ../x"),
    ],
)
def test_wrong_wishes(double: Artifact, options: dict[str, Any], kind: Kind, says: str) -> None:
    error = refused(double, **options)
    assert error.kind is kind
    assert says in f"{error.message} {error.hint}"


def test_a_program_that_is_not_there_or_another_one(
    double: Artifact, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "executable-tract").write_text("#!/bin/sh\n")
    assert refused(double, engine="tract").kind is Kind.CHECK_FAILED
    (programs / prebuilt.BUILD).write_text("{}")
    assert refused(double).kind is Kind.CORRUPT
    monkeypatch.setenv(prebuilt.VARIABLE, str(programs / "nowhere"))
    assert refused(double).kind is Kind.DEPENDENCY_MISSING


def test_the_budget_limits_the_whole_file(double: Artifact) -> None:
    size = executable(double).bytes / 1e6
    text = double.config.read_text()
    for limit, code in ((size * 1.5, ExitCode.DONE), (size * 0.9, ExitCode.CHECK_FAILED)):
        double.config.write_text(f"{text}budget: {{size_mb: {limit:.6f}}}\n")
        result = package(double.config, kind="executable")
        assert result.budget is not None
        assert result.budget.exit_code == code


def test_another_target_has_programs_of_its_own(double: Artifact, programs: Path) -> None:
    write_prebuilt(programs / "riscv64-any")
    own = executable(double)
    foreign = executable(double, target="riscv64-any")
    assert foreign.path.name == "tiny-executable-riscv64-any"
    assert str(programs / "riscv64-any/rten.py").encode() in foreign.path.read_bytes()
    assert executable(double, target="any").path.read_bytes() == own.path.read_bytes()
    error = refused(double, target="sparc")
    assert "but for any, riscv64-any" in error.message


def test_a_target_is_of_executables(double: Artifact) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        package(double.onnx, target="any")
    assert (caught.value.kind, "cargo build --target" in caught.value.hint) == (Kind.USAGE, True)


def test_a_program_for_tests_is_told(double: Artifact, programs: Path) -> None:
    build = json.loads((programs / prebuilt.BUILD).read_text())
    build["rten"]["profile"] = "release"
    (programs / prebuilt.BUILD).write_text(json.dumps(build))
    with pytest.warns(OxidizedVisionWarning, match="built for tests"):
        executable(double)


def test_a_full_disk_leaves_the_older_one(
    double: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = executable(double)
    before, content = left_in(double.onnx.parent), result.path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive.zipfile.ZipFile, "writestr", full)
    assert refused(double).kind is Kind.FILE_SYSTEM
    assert left_in(double.onnx.parent) == before
    assert result.path.read_bytes() == content


def test_a_kill_leaves_no_half_file(double: Artifact, programs: Path) -> None:
    script = programs / "executable-rten"
    (programs / "rten.py").write_text("import time\nprint('started', flush=True)\ntime.sleep(60)\n")
    code = f"import oxidizedvision; oxidizedvision.package({str(double.onnx)!r}, kind='executable')"
    worker = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 60
    while time.monotonic() < end and not list(double.onnx.parent.glob(".oxv-*/tiny")):
        time.sleep(0.02)
    time.sleep(0.3)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert script.exists()
    assert not (double.onnx.parent / "tiny-executable").exists()
    assert load_manifest(double.manifest).packages == []
