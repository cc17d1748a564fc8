"""`remove` takes out one entry, and deletes what its manifest lists and nothing else."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from written_manifest import write_manifest

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import PackageRecord
from oxidizedvision.registry import Entry, list_models, register, remove, tag
from oxidizedvision.registry.store import changing

LISTED = {"net.pt", "net.onnx", "net.golden.safetensors", "net.oxv.json"}


def there(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_only_the_entry_goes_by_default(tmp_path: Path) -> None:
    entry = register(write_manifest(tmp_path / "out"))
    done = remove("net")
    assert (done.id, done.files, done.kept) == (entry.id, (), ())
    assert list_models() == []
    assert there(tmp_path / "out") == LISTED


@pytest.mark.parametrize("how", ["net@1", "prod", "id"])
def test_files_go_when_asked_and_no_others(tmp_path: Path, how: str) -> None:
    out = tmp_path / "out"
    entry = register(write_manifest(out))
    tag("net", "prod")
    for name in ("notes.txt", "net.run.json", "report.json"):
        (out / name).write_text("mine")
    target = entry.id if how == "id" else how
    plan = remove(target, files=True, dry_run=True)
    assert {path.name for path in plan.files} == LISTED
    assert plan.bytes == sum(path.stat().st_size for path in plan.files)
    assert len(list_models()) == 1
    done = remove(target, files=True)
    assert done.files == plan.files
    assert done.tags == ("prod",)
    assert there(out) == {"notes.txt", "net.run.json", "report.json"}
    assert list_models() == []


def test_changed_files_links_and_crates_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    crate = PackageRecord(
        path="../crate",
        name="net",
        engine="rten",
        created="",
        model_sha256="0",
        sha256="0",
        bytes=1,
    )
    register(write_manifest(out, packages=(crate,)))
    (out / "net.pt").write_bytes(b"mine")
    (tmp_path / "elsewhere").write_bytes(b"golden")
    (out / "net.golden.safetensors").unlink()
    (out / "net.golden.safetensors").symlink_to(tmp_path / "elsewhere")
    done = remove("net", files=True)
    assert {file.path.name: file.reason for file in done.kept} == {
        "net.pt": "its content is not what was recorded",
        "net.golden.safetensors": "it is no regular file",
        "crate": "a crate stands on its own",
    }
    assert there(out) == {"net.pt", "net.golden.safetensors"}
    assert (tmp_path / "elsewhere").read_bytes() == b"golden"


def test_files_of_the_model_that_replaced_it_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    register(write_manifest(out, content=b"old"))
    register(write_manifest(out, content=b"new"))
    done = remove("net@1", files=True)
    assert {file.path.name for file in done.kept} == {"net.oxv.json", "net.onnx"}
    assert {"net.oxv.json", "net.onnx"} <= there(out)
    assert [entry.label for entry in list_models()] == ["net@2"]


def test_a_file_that_another_manifest_lists_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    register(write_manifest(out))
    other = out / "other.oxv.json"
    document = json.loads((out / "net.oxv.json").read_text())
    document["name"] = "other"
    document["stages"][1]["output"]["sha256"] = "0" * 64
    other.write_text(json.dumps(document))
    register(other)
    done = remove("net", files=True)
    assert {file.reason for file in done.kept} == {"other@1 has it too"}
    assert there(out) == LISTED - {"net.oxv.json"} | {"other.oxv.json"}


def test_a_removal_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    register(write_manifest(out))
    (out / "net.oxv.json").unlink()
    done = remove("net", files=True)
    assert {path.name for path in done.files} == LISTED - {"net.oxv.json"}
    assert there(out) == set()


def test_a_folder_that_is_gone_is_no_hindrance(tmp_path: Path) -> None:
    register(write_manifest(tmp_path / "out"))
    (tmp_path / "out").rename(tmp_path / "away")
    assert remove("net", files=True).files == ()
    assert list_models() == []


def test_a_name_of_several_models_is_refused(tmp_path: Path) -> None:
    for content in (b"1", b"2"):
        register(write_manifest(tmp_path / content.decode(), content=content))
    with pytest.raises(OxidizedVisionError, match="2 models are called 'net'") as caught:
        remove("net")
    assert caught.value.kind is Kind.USAGE
    assert "net@1" in caught.value.hint
    with pytest.raises(OxidizedVisionError, match="did you mean 'net'") as caught:
        remove("ne")
    assert caught.value.kind is Kind.NOT_FOUND
    assert len(list_models()) == 2


def test_a_file_that_cannot_be_deleted_leaves_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(write_manifest(tmp_path / "out"))
    unlink = Path.unlink

    def refused(self: Path, missing_ok: bool = False) -> None:
        if self.name == "net.pt":
            raise PermissionError(13, "Permission denied")
        unlink(self, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        with pytest.raises(OxidizedVisionError, match="Permission denied") as caught:
            remove("net", files=True)
    assert caught.value.kind is Kind.FILE_SYSTEM
    assert len(list_models()) == 1
    remove("net", files=True)
    assert there(tmp_path / "out") == set()


def test_an_entry_that_was_made_anew_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oxidizedvision.registry import removal

    path = write_manifest(tmp_path / "out")
    register(path)
    drop = removal._drop

    def registered_before(entry: Entry) -> None:
        with changing() as document:
            document.put(dataclasses.replace(entry, updated="later"))
        drop(entry)

    monkeypatch.setattr(removal, "_drop", registered_before)
    remove("net")
    assert len(list_models()) == 1


def test_a_hostile_manifest_deletes_nothing_elsewhere(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = write_manifest(out)
    register(path)
    (tmp_path / "precious").write_bytes(b"onnx")
    document = json.loads(path.read_text())
    document["stages"][0]["output"] = {**document["stages"][1]["output"], "file": "../precious"}
    path.write_text(json.dumps(document))
    with pytest.raises(OxidizedVisionError, match="not beside it"):
        remove("net", files=True)
    assert (tmp_path / "precious").exists()
    assert there(out) == LISTED
