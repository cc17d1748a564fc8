"""A registry that version 1 wrote is read as it is, and becomes version 2 when it first changes.

`version-1.json` was written by version 1 itself; FOLDER stands for where it was.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from written_manifest import write_manifest

from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.registry import collect_garbage, describe, find, list_models, register, tag

VERSION_1 = Path(__file__).with_name("version-1.json")


@pytest.fixture(autouse=True)
def version_1(tmp_path: Path, home: Path) -> bytes:
    """A home as version 1 left it; the files of two of its three models are there."""
    content = VERSION_1.read_text().replace("FOLDER", str(tmp_path)).encode()
    home.mkdir()
    for name in ("registry.json", "registry.copy.json"):
        (home / name).write_bytes(content)
    write_manifest(tmp_path / "a", "net", b"1")
    write_manifest(tmp_path / "b", "net", b"2")
    return content


def test_reading_changes_nothing(home: Path, version_1: bytes) -> None:
    assert [entry.label for entry in list_models(sort="name")] == ["net@2", "net@1", "other@1"]
    assert find("net").id == "d4735e3a265e"
    assert find("net@1").id == "6b86b273ff34"
    assert find("other").formats == ("onnx", "torchscript")
    assert describe("net@1").id == "6b86b273ff34"
    assert (home / "registry.json").read_bytes() == version_1


def test_every_entry_survives_the_first_change(
    tmp_path: Path, home: Path, version_1: bytes
) -> None:
    before = {entry.id: entry for entry in list_models()}
    register(write_manifest(tmp_path / "d", "net", b"4"))
    document = json.loads((home / "registry.json").read_text())
    assert document["schema_version"] == 2
    after = {entry.id: entry for entry in list_models()}
    assert {key: after[key] for key in before} == before
    assert [entry.label for entry in list_models(name="net")] == ["net@3", "net@2", "net@1"]
    assert (home / "registry.version-1.json").read_bytes() == version_1


def test_registering_again_completes_the_entry_and_keeps_its_tags(tmp_path: Path) -> None:
    tag("net@2", "prod")
    assert find("prod").sha256 == "d4735e3a265e"
    entry = register(tmp_path / "b" / "net.oxv.json")
    assert len(entry.sha256) == 64
    assert (entry.label, entry.tags) == ("net@2", ("prod",))
    assert find("prod") == find("d4735e3a265e") == entry
    assert len(list_models()) == 3


def test_what_is_gone_is_collected_and_what_is_there_stays() -> None:
    report = collect_garbage()
    assert [entry.name for entry in report.entries] == ["other"]
    assert [entry.label for entry in list_models()] == ["net@2", "net@1"]


def test_a_model_that_is_gone_says_so() -> None:
    with pytest.raises(OxidizedVisionError, match="is gone"):
        describe("other")
