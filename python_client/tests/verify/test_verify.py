"""Every planted fault in a package is found, and named as the link that it is in."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from fake_prebuilt import write_prebuilt
from tiny_network import Artifact

from oxidizedvision import VerifyReport, package, verify
from oxidizedvision.core.crates import MARK, crate_files
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.package import build, prebuilt
from oxidizedvision.package.seal import SEAL, seal_of, seal_text

FLIPS = 60


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prebuilt programs that double, and no Cargo."""
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(build, "find_cargo", lambda: None)
    folder = write_prebuilt(tmp_path / "prebuilt")
    monkeypatch.setenv(prebuilt.VARIABLE, str(folder))
    return folder


@pytest.fixture
def crate(double: Artifact) -> Path:
    return package(double.onnx, engine="rten").path


@pytest.fixture
def file(double: Artifact) -> Path:
    return package(double.onnx, kind="executable").path


def broken(report: VerifyReport) -> str:
    assert not report.passed
    assert report.exit_code is ExitCode.CHECK_FAILED
    assert report.first_broken is not None
    return report.first_broken.name


def statuses(report: VerifyReport) -> dict[str, str]:
    return {link.name: link.status for link in report.links}


def test_an_executable_is_whole_from_checkpoint_to_answers(file: Path) -> None:
    report = verify(file)
    assert report.passed
    found = statuses(report)
    assert (report.kind, report.engine) == ("executable", "rten")
    wanted = ("seal", "files", "model", "goldens", "stages", "origin: source", "origin: onnx")
    assert {found[name] for name in (*wanted, "record", "answers")} == {"whole"}


def test_a_crate_that_is_not_built_says_that_its_answers_are_unchecked(crate: Path) -> None:
    report = verify(crate)
    assert report.passed
    assert statuses(report)["answers"] == "unchecked"
    assert "--build" in report.links[-1].detail


def test_away_from_where_it_was_made_the_origin_is_unchecked(file: Path, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    away = file.rename(tmp_path / "away" / file.name)
    report = verify(away)
    assert report.passed
    assert statuses(report)["origin"] == "unchecked"
    again = verify(away, origin=file.parent)
    assert statuses(again)["origin: source"] == "whole"
    with pytest.raises(OxidizedVisionError) as caught:
        verify(away, origin=tmp_path)
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_source_that_changed_is_named(double: Artifact, file: Path) -> None:
    source = double.folder / "model.py"
    source.write_text(source.read_text() + "\n")
    assert broken(verify(file)) == "origin: source"


def test_the_config_is_known_by_its_content(double: Artifact) -> None:
    manifest = load_manifest(double.manifest)
    source = manifest.source.model_copy(update={"config_sha256": sha256_of(double.config)})
    manifest.model_copy(update={"source": source}).save(double.manifest)
    file = package(double.onnx, kind="executable").path
    assert statuses(verify(file))["origin: config"] == "whole"
    double.config.write_text(double.config.read_text() + "\n")
    assert statuses(verify(file))["origin: config"] == "unchecked"


def test_flips_in_a_file_are_all_found(file: Path) -> None:
    whole = file.read_bytes()
    generator = random.Random(7)  # noqa: S311 - places only
    end = range(len(whole) - 120, len(whole))
    for place in [*end, *(generator.randrange(len(whole)) for _ in range(FLIPS))]:
        changed = bytearray(whole)
        changed[place] ^= 1 << generator.randrange(8)
        file.write_bytes(changed)
        assert broken(verify(file)) == "seal", place


def test_flips_in_a_crate_are_all_found(crate: Path) -> None:
    generator = random.Random(8)  # noqa: S311 - places only
    paths = crate_files(crate)
    named = [path for path in paths if path.name in {SEAL, MARK, "model.onnx"}]
    for path in [*named, *(generator.choice(paths) for _ in range(FLIPS))]:
        whole = path.read_bytes()
        if not whole:
            continue
        changed = bytearray(whole)
        changed[generator.randrange(len(whole))] ^= 1 << generator.randrange(8)
        path.write_bytes(changed)
        assert broken(verify(crate)) == ("seal" if path.name == SEAL else "files"), path
        path.write_bytes(whole)
    assert verify(crate).passed


def test_every_flip_in_a_seal_is_found(crate: Path) -> None:
    whole = (crate / SEAL).read_bytes()
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 0x04
        (crate / SEAL).write_bytes(changed)
        assert broken(verify(crate)) == "seal", place


def test_a_file_more_and_a_file_less_are_named(crate: Path) -> None:
    (crate / "src" / "more.rs").write_text("")
    assert "src/more.rs" in verify(crate).links[-1].detail
    (crate / "src" / "more.rs").unlink()
    (crate / "README.md").unlink()
    assert "README.md" in verify(crate).links[-1].detail


def test_a_seal_over_another_model_breaks_at_the_model(crate: Path) -> None:
    """Who seals anew what was exchanged has no broken file, and yet a broken chain."""
    model = crate / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\x0a\x00")
    says = seal_of(crate).says
    files = {p.relative_to(crate).as_posix(): p for p in crate_files(crate) if p.name != SEAL}
    (crate / SEAL).write_text(seal_text(says, files))
    assert broken(verify(crate)) == "model"


def test_stages_that_do_not_hang_together_are_named(crate: Path) -> None:
    manifest = json.loads((crate / MARK).read_text())
    manifest["stages"][-1]["input_sha256"] = "0" * 64
    (crate / MARK).write_text(json.dumps(manifest))
    says = seal_of(crate).says
    files = {p.relative_to(crate).as_posix(): p for p in crate_files(crate) if p.name != SEAL}
    (crate / SEAL).write_text(seal_text(says, files))
    assert broken(verify(crate)) == "stages"


def test_other_answers_break_the_last_link(file: Path, programs: Path) -> None:
    write_prebuilt(programs, factor=2.5)
    assert broken(verify(file)) == "answers"


def test_another_package_in_its_place_is_not_the_recorded_one(
    double: Artifact, file: Path, tmp_path: Path
) -> None:
    shutil.copytree(double.onnx.parent, tmp_path / "copy")
    copied = tmp_path / "copy" / double.onnx.name
    package(copied, kind="executable", engine="tract", output=tmp_path / "other").path.replace(file)
    assert broken(verify(file)) == "record"


@pytest.mark.parametrize("what", ["nothing", "folder", "text"])
def test_what_is_no_package_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "it"
    if what == "folder":
        path.mkdir()
    elif what == "text":
        path.write_text("a text")
    with pytest.raises(OxidizedVisionError) as caught:
        verify(path)
    assert caught.value.kind is (Kind.NOT_FOUND if what == "nothing" else Kind.USAGE)


def test_a_part_that_was_exchanged_under_a_new_sum_is_found(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    place = whole.index(b"pytorch")  # who made the model, in the model's own bytes
    whole[place] ^= 1
    whole[-64:] = hashlib.sha256(whole[:-64]).hexdigest().encode()
    file.write_bytes(whole)
    report = verify(file)
    assert not report.passed


def test_a_link_in_a_crate_is_named(crate: Path) -> None:
    (crate / "model.onnx").rename(crate.parent / "model.onnx")
    (crate / "model.onnx").symlink_to(crate.parent / "model.onnx")
    assert broken(verify(crate)) == "files"


@pytest.mark.parametrize("place", [".cargo", "src/more", "pipe"])
def test_a_linked_folder_or_a_pipe_in_a_crate_is_named(crate: Path, place: str) -> None:
    if place == "pipe":
        os.mkfifo(crate / place)
    else:
        (crate.parent / "elsewhere").mkdir()
        (crate / place).symlink_to(crate.parent / "elsewhere")
    report = verify(crate)
    assert broken(report) == "files"
    assert report.first_broken is not None
    assert report.first_broken.detail.startswith(f"{place} is ")


def test_a_program_that_changed_under_a_new_sum_is_named(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        end = archive.getinfo(SEAL).header_offset
    whole[end - 1] ^= 1
    whole[-64:] = hashlib.sha256(whole[:-64]).hexdigest().encode()
    file.write_bytes(whole)
    assert broken(verify(file)) == "files"


def test_a_program_that_may_not_be_started_here_proves_nothing(file: Path) -> None:
    file.chmod(0o644)
    found = statuses(verify(file))
    assert (found["files"], found["answers"]) == ("whole", "unchecked")


def test_a_program_that_nobody_recorded_proves_nothing(crate: Path) -> None:
    program = crate / "bin" / seal_of(crate).says.name
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    found = statuses(verify(crate))
    assert (found["record"], found["answers"]) == ("unchecked", "unchecked")


def test_a_program_that_ends_before_its_model_was_cut_short(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(Path(sys.executable).resolve().read_bytes()[:5000])
    report = verify(short)
    assert broken(report) == "seal"
    assert "cut short" in str(report.first_broken)
    with pytest.raises(OxidizedVisionError, match="There is no file or folder") as caught:
        verify(tmp_path / "nothing")
    assert caught.value.kind is Kind.NOT_FOUND
    note = tmp_path / "note.txt"
    note.write_text("a note")
    with pytest.raises(OxidizedVisionError, match="no program with a model in it") as caught:
        verify(note)
    assert caught.value.kind is Kind.USAGE
