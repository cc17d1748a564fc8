"""`info` follows a model back to its sources and sees what changed since."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from tiny_network import Artifact
from written_manifest import write_manifest

from oxidizedvision.core.crates import crate_sha256
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import (
    FileRecord,
    PackageRecord,
    Stage,
    find_manifest,
    load_manifest,
)
from oxidizedvision.registry import describe, register


def statuses(target: str | Path) -> dict[str, str]:
    return {item.role: item.status for item in describe(target).lineage}


def test_name_manifest_and_onnx_lead_to_the_same_details(tiny: Artifact) -> None:
    entry = register(tiny.manifest)
    by_name = describe("tiny")
    assert by_name.id == entry.id
    assert by_name == describe(tiny.manifest) == describe(tiny.onnx) == describe(entry.id)
    assert by_name.opset == 14
    assert [spec.name for spec in by_name.inputs] == ["input"]


def test_lineage_goes_from_the_source_to_the_goldens(tiny: Artifact) -> None:
    found = statuses(tiny.manifest)
    assert list(found) == ["source", "torchscript", "onnx", "goldens"]
    assert set(found.values()) == {"present"}


def test_changed_and_missing_files_are_named(tiny: Artifact) -> None:
    tiny.onnx.write_bytes(tiny.onnx.read_bytes() + b"\0")
    tiny.torchscript.unlink()
    found = statuses(tiny.manifest)
    assert found["onnx"] == "changed"
    assert found["torchscript"] == "missing"
    assert found["goldens"] == "present"


def test_onnx_without_manifest_speaks_for_itself(tiny: Artifact, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    model = tiny.onnx.rename(alone / "net.onnx")
    details = describe(model)
    assert details.manifest is None
    assert details.opset == 14
    assert details.inputs[0].dims == ("batch", 3, "height", "width")
    assert details.inputs[0].dtype == "f32"
    assert details.tools["pytorch"]


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"no model at all", b"\x08"])
def test_file_that_is_no_onnx_is_corrupt(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(OxidizedVisionError) as caught:
        describe(path)
    assert caught.value.kind is Kind.CORRUPT


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    for target in ("nothing", tmp_path / "no.onnx", "no.onnx", "folder/name"):
        with pytest.raises(OxidizedVisionError) as caught:
            describe(target)
        assert caught.value.kind is Kind.NOT_FOUND
    other = tmp_path / "picture.png"
    other.touch()
    with pytest.raises(OxidizedVisionError, match="neither a manifest") as caught:
        describe(other)
    assert caught.value.kind is Kind.USAGE


def test_a_model_whose_folder_is_anothers_now_is_still_known(tmp_path: Path) -> None:
    old = register(write_manifest(tmp_path, content=b"old"))
    new = register(write_manifest(tmp_path, content=b"new"))
    assert (describe(new.id).id, describe(new.id).status) == (new.id, "present")
    details = describe("net@1")
    assert (details.id, details.status, details.version) == (old.id, "replaced", 1)
    assert details.sha256 == old.sha256
    assert {item.role: item.status for item in details.lineage if item.role != "source"} == {
        "torchscript": "present",
        "onnx": "changed",
        "goldens": "present",
    }
    shutil.rmtree(tmp_path / "home" / "objects")
    with pytest.raises(OxidizedVisionError, match="was replaced") as caught:
        describe(old.id)
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_model_whose_folder_is_gone_is_still_known(tmp_path: Path) -> None:
    register(write_manifest(tmp_path / "out"))
    shutil.rmtree(tmp_path / "out")
    details = describe("net")
    assert details.status == "missing"
    assert {item.status for item in details.lineage} == {"missing"}


def test_checkpoint_and_crate_are_in_the_lineage(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    crate = tmp_path / "crates" / "net"
    (crate / "src").mkdir(parents=True)
    (crate / "src" / "main.rs").write_text("fn main() {}")
    (crate / "bin").mkdir()
    (crate / "bin" / "net").write_bytes(b"program")
    program = FileRecord.of(crate / "bin" / "net")
    package = PackageRecord(
        path="../crates/net",
        name="net",
        engine="rten",
        created="2026-11-26T00:00:00+00:00",
        model_sha256="0" * 64,
        sha256=crate_sha256(crate),
        bytes=12,
        program=program.model_copy(update={"file": "bin/net"}),
    )
    path = write_manifest(tmp_path / "out", packages=(package,))
    manifest = load_manifest(path)
    manifest.source.checkpoint = "../weights.safetensors"
    manifest.source.checkpoint_sha256 = hashlib.sha256(b"weights").hexdigest()
    manifest.save(path)
    assert list(statuses(path)) == [
        "source",
        "checkpoint",
        "torchscript",
        "onnx",
        "goldens",
        "crate",
        "program",
    ]
    assert statuses(path)["checkpoint"] == "present"
    assert statuses(path)["crate"] == statuses(path)["program"] == "present"
    (crate / "target").mkdir()
    (crate / "target" / "built").write_bytes(b"by Cargo")
    assert statuses(path)["crate"] == "present"
    (crate / "src" / "main.rs").rename(crate / "src" / "lib.rs")
    assert statuses(path)["crate"] == "changed"
    shutil.rmtree(crate)
    (tmp_path / "weights.safetensors").write_bytes(b"others")
    assert statuses(path)["crate"] == statuses(path)["program"] == "missing"
    assert statuses(path)["checkpoint"] == "changed"


def test_a_file_that_a_manifest_lists_leads_to_its_details(tmp_path: Path) -> None:
    path = write_manifest(tmp_path)
    assert describe(tmp_path / "net.pt") == describe(path)
    (tmp_path / "other.pt").touch()
    with pytest.raises(OxidizedVisionError, match="no manifest lists it"):
        describe(tmp_path / "other.pt")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"schema_version": 99, "new_key": 1}', "has schema_version 99, this version reads 1"),
        (b"\xff\xfe not text", "is not a manifest of version 1"),
        (b"[" * 100_000, "is not a manifest of version 1"),
        (b"3", "is not a manifest of version 1"),
    ],
)
def test_manifest_that_cannot_be_read(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "net.oxv.json"
    path.write_bytes(content)
    with pytest.raises(OxidizedVisionError) as caught:
        describe(path)
    assert caught.value.kind is Kind.CORRUPT
    assert expected in caught.value.message


def test_a_broken_manifest_of_another_model_is_no_concern(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, "net")
    (tmp_path / "another.oxv.json").write_bytes(b"{")
    (tmp_path / "net.onnx").rename(tmp_path / "moved.onnx")
    assert find_manifest(tmp_path / "moved.onnx") is None
    assert find_manifest(tmp_path / "net.onnx") == path


def test_prepared_files_are_listed_and_lead_to_the_model(tmp_path: Path) -> None:
    manifest = load_manifest(write_manifest(tmp_path / "net"))
    file = tmp_path / "net" / "net.ort"
    file.write_bytes(b"prepared")
    stage = Stage(
        name="prepare",
        tool="ort 1.0",
        input_sha256=manifest.head("onnx").sha256,
        output=FileRecord.of(file),
        seconds=0.1,
    )
    manifest.stages.append(stage)
    path = tmp_path / "net" / "net.oxv.json"
    manifest.save(path)
    register(path)
    for target in ("net", path, file):
        (item,) = [item for item in describe(target).lineage if item.role == "prepare"]
        assert (item.path, item.status, item.tool) == (file, "present", "ort 1.0")
        assert item.made_from == manifest.head("onnx").sha256
    file.unlink()
    assert statuses("net")["prepare"] == "missing"
    with pytest.raises(OxidizedVisionError, match="There is no file") as caught:
        describe("net.ort")
    assert caught.value.kind is Kind.NOT_FOUND
