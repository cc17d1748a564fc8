"""A page with one model inside: whole, proved in Node before it is there, or not there at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_wasm import write_module, write_page
from tiny_network import Artifact

from oxidizedvision import package
from oxidizedvision.core import wasm as parts
from oxidizedvision.core.crates import MARK
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.package import PackageResult
from oxidizedvision.package.bill import BILL
from oxidizedvision.package.browser.folder import GOLDENS, MODEL
from oxidizedvision.package.seal import SEAL
from oxidizedvision.registry import describe, register


@pytest.fixture(autouse=True)
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page, and modules that double what they are given; tract's is the larger one."""
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    folder = tmp_path / "wasm"
    for name in ("rten", "tract"):
        write_module(folder, name)
    binary = folder / "modules" / "tract" / parts.BINARY
    binary.write_bytes(binary.read_bytes() + b"\0\x03\x01a\0")  # an empty section of its own
    _seal_build(binary)
    write_page(folder)
    monkeypatch.setenv(parts.VARIABLE, str(folder))
    return folder


def _seal_build(binary: Path) -> None:
    build = binary.with_name(parts.BUILD)
    build.write_text(json.dumps({**json.loads(build.read_text()), "sha256": sha256_of(binary)}))


def page(double: Artifact, **options: Any) -> PackageResult:
    return package(double.onnx, kind="wasm", **options)


def refused(double: Artifact, **options: Any) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        page(double, **options)
    return caught.value


def test_the_folder_holds_page_module_and_model(double: Artifact, built: Path) -> None:
    register(double.manifest)
    result = page(double)
    assert result.path == double.onnx.with_name("tiny-page")
    assert (result.kind, result.engine, result.executable) == ("wasm", "rten", None)
    assert "smallest" in result.reason
    assert set(result.files) == {
        *("index.html", "sw.js", "assets/index-0000.js", "README.md", MARK, SEAL, BILL),
        *(MODEL, GOLDENS, "model/manifest.json"),
        *(f"modules/rten/{file}" for file in parts.MODULE_FILES),
    }
    for name, source in ((MODEL, double.onnx), (GOLDENS, double.goldens)):
        assert sha256_of(result.path / name) == sha256_of(source)
    assert json.loads((result.path / "model/manifest.json").read_text()) == {
        "schema_version": 1,
        "title": "tiny",
        "name": "tiny",
        "model": "model.onnx",
        "goldens": "model.golden.safetensors",
        "engine": "rten",
        "modules": ["rten"],
        "only": True,
    }
    (record,) = load_manifest(double.manifest).packages
    assert (record.kind, record.engine, record.program) == ("wasm", "rten", None)
    assert record.model_sha256 == sha256_of(double.onnx)
    item = next(item for item in describe("tiny").lineage if item.role == "page")
    assert item.status == "present"


def test_the_seal_lists_every_other_file(double: Artifact) -> None:
    result = page(double, name='Ein "Modell" <b>')
    seal = json.loads((result.path / SEAL).read_text())
    assert (seal["schema_version"], seal["kind"], seal["engine"]) == (1, "wasm", "rten")
    assert seal["name"] == 'Ein "Modell" <b>'
    assert set(seal["files"]) == set(result.files) - {SEAL}
    for name, entry in seal["files"].items():
        path = result.path / name
        assert entry == {"sha256": sha256_of(path), "bytes": path.stat().st_size}


def test_its_bill_names_the_crates_of_each_module_once(double: Artifact, built: Path) -> None:
    write_module(built, "rten-threads")
    bill = json.loads((page(double, engine="rten").path / BILL).read_text())
    names = [row["name"] for row in bill["components"]]
    assert {"tiny", "runner_rten", "runner_rten-threads", "@oxidizedvision/page"} <= set(names)
    assert names.count("half") == 1
    (built / "modules/rten" / parts.CRATES).unlink()
    error = refused(double, engine="rten")
    assert (error.kind, "make wasm" in error.hint) == (Kind.DEPENDENCY_MISSING, True)


def test_two_packages_of_the_same_are_the_same(double: Artifact, tmp_path: Path) -> None:
    one, other = (page(double, output=tmp_path / name) for name in ("one", "other"))
    assert one.files == other.files
    for name in one.files:
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name


def test_what_a_visitor_loads_is_told(double: Artifact) -> None:
    sizes = {row.part: row for row in page(double).sizes}
    assert set(sizes) == {"page", "module rten", "model"}
    assert sizes["page"].compressed < sizes["page"].bytes / 10
    assert sizes["model"].bytes == double.onnx.stat().st_size


def test_a_module_with_threads_travels_too(double: Artifact, built: Path) -> None:
    write_module(built, "rten-threads")
    result = page(double)
    assert f"modules/rten-threads/{parts.BINARY}" in result.files
    assert "Cross-Origin-Embedder-Policy" in (result.path / "README.md").read_text()
    without = page(double, engine="tract")
    assert not any("rten" in name for name in without.files)


def test_a_module_that_gives_other_answers_is_not_published(double: Artifact, built: Path) -> None:
    before = page(double)
    (before.path / "mark").write_text("old")
    write_module(built, factor=2.01)
    error = refused(double, engine="rten")
    assert (error.kind, error.exit_code) == (Kind.CHECK_FAILED, ExitCode.CHECK_FAILED)
    assert "does not give PyTorch's answers" in error.message
    assert (before.path / "mark").read_text() == "old"
    assert sorted(path.name for path in before.path.parent.glob(".oxv-*")) == []


def test_a_model_that_the_engine_refuses_is_told_with_those_that_can(
    double: Artifact, built: Path
) -> None:
    write_module(built, fault="refuses")
    error = refused(double, engine="rten")
    assert error.kind is Kind.UNSUPPORTED
    assert error.message == "rten cannot be the engine of this page: tiny.onnx: no Conv"
    assert error.hint == "Engines that load it: tract."
    write_module(built, "tract", fault="refuses")
    assert "No other module" in refused(double, engine="rten").hint
    assert not double.onnx.with_name("tiny-page").exists()


def test_auto_takes_the_faster_one_that_is_right(double: Artifact, built: Path) -> None:
    result = page(double, engine="auto")
    assert "ms at the median" in result.reason
    write_module(built, factor=3.0)
    result = page(double, engine="auto")
    assert result.engine == "tract"
    assert "rten: output" in result.reason
    write_module(built, "tract", fault="refuses")
    assert refused(double, engine="auto").kind is Kind.UNSUPPORTED


@pytest.mark.parametrize(
    "name", [" ", "a/b", "..", ".hidden", "a\\b", "a\nb", "a\0b", "x" * 81, " padded"]
)
def test_a_name_that_no_page_can_have_is_refused(double: Artifact, name: str) -> None:
    error = refused(double, name=name)
    assert error.kind is Kind.USAGE
    assert list(double.onnx.parent.glob("*-page")) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"engine": "ort"}, "cannot be made with engine 'ort'"),
        ({"engine": "wasm-rten"}, "cannot be made with engine"),
        ({"engine": "rten", "goal": "latency"}, "means nothing"),
        ({"engine": "auto", "goal": "memory"}, "not by memory"),
        ({"build": True}, "no program to build"),
        ({"kind": "wasn"}, "did you mean 'wasm'"),
    ],
)
def test_what_means_nothing_is_refused(
    double: Artifact, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(OxidizedVisionError, match=says) as caught:
        package(double.onnx, **{"kind": "wasm", **options})
    assert caught.value.kind is Kind.USAGE


@pytest.mark.parametrize("part", ["page/index.html", f"modules/rten/{parts.BINARY}"])
def test_what_is_not_built_is_named(double: Artifact, built: Path, part: str) -> None:
    (built / part).unlink()
    error = refused(double, engine="rten")
    assert (error.kind, error.exit_code) == (Kind.DEPENDENCY_MISSING, ExitCode.MISSING_PART)
    assert str(built / part) in error.message
    assert "make wasm" in error.hint


def test_without_node_nothing_is_written(
    double: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refused(double)
    assert error.kind is Kind.DEPENDENCY_MISSING
    assert "nodejs.org" in error.hint
    assert not double.onnx.with_name("tiny-page").exists()


def test_an_everyday_module_is_told(double: Artifact, built: Path) -> None:
    write_module(built, profile="everyday")
    with pytest.warns(OxidizedVisionWarning, match="built for tests"):
        page(double)


def test_a_folder_that_is_no_page_of_ours_stays(double: Artifact, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("mine")
    assert "nothing was overwritten" in refused(double, output=mine).hint
    assert (mine / "index.html").read_text() == "mine"
    ours = page(double, output=tmp_path / "page").path
    with pytest.raises(OxidizedVisionError, match="not a package of this kind"):
        package(double.onnx, output=ours, engine="rten")


def test_a_full_disk_leaves_no_half_page(
    double: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile

    def full(source: Path, target: Path) -> object:
        if Path(target).name == "model.golden.safetensors":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    error = refused(double, output=tmp_path / "page")
    assert (error.kind, error.exit_code) == (Kind.FILE_SYSTEM, ExitCode.FILE_SYSTEM)
    assert "No space left" in error.message
    assert not (tmp_path / "page").exists()
    assert list(tmp_path.glob(".oxv-*")) == []


def test_a_killed_process_leaves_no_half_page(
    double: Artifact, built: Path, tmp_path: Path
) -> None:
    write_module(built, fault="never ends")
    code = (
        "from oxidizedvision import package\n"
        f"package({str(double.onnx)!r}, kind='wasm', engine='rten', "
        f"output={str(tmp_path / 'page')!r}, notify=lambda text: print(text, flush=True))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        assert child.stdout is not None
        assert any("replaying" in line for line in child.stdout)
        time.sleep(0.3)
        child.send_signal(signal.SIGKILL)
    assert not (tmp_path / "page").exists()
    write_module(built)
    assert page(double, output=tmp_path / "page", engine="rten").path.is_dir()


def test_the_command_line_shows_the_sizes(double: Artifact, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "oxidizedvision", "package", str(double.onnx)]
    command += ["--kind", "wasm", "--output", str(tmp_path / "page")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for words in ("with Brotli", "module rten", "http.server", "README.md"):
        assert words in done.stdout, done.stdout
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout)["kind"] == "wasm"


def test_the_budget_of_the_config_holds(double: Artifact) -> None:
    double.config.write_text(double.config.read_text() + "budget: {size_mb: 0.0001}\n")
    result = package(double.config, kind="wasm")
    assert result.budget is not None
    assert result.budget.exit_code == ExitCode.CHECK_FAILED
