"""`list`, `info`, `tag`, `remove` and `gc`: what they show, ask and refuse."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Ended
from tiny_network import Artifact

from oxidizedvision.core.claims import PREFIX
from oxidizedvision.core.errors import ExitCode
from oxidizedvision.registry import Entry, find, list_models, register, tag

Invoke = Callable[..., Ended]
PRESENT_KEYS = [
    "id",
    "name",
    "manifest",
    "model",
    "created",
    "updated",
    "bytes",
    "inputs",
    "outputs",
]
LISTED = {"tiny.oxv.json", "tiny.onnx", "tiny.golden.safetensors"}


@pytest.fixture
def entry(tiny: Artifact) -> Entry:
    """The tiny network, registered."""
    return register(tiny.manifest)


def test_list_filters_sorts_and_keeps_its_keys(invoke: Invoke, entry: Entry) -> None:
    tag("tiny", "prod")
    shown = invoke("list").out
    assert "tiny@1" in shown
    assert "prod" in shown
    (model,) = invoke("list", "--json").document["models"]
    assert list(model)[: len(PRESENT_KEYS)] == PRESENT_KEYS
    assert (model["status"], model["tags"]) == ("present", ["prod"])
    flags = ["--name", "t*", "--tag", "prod", "--format", "onnx", "--since", "1d"]
    assert len(invoke("list", *flags, "--json").document["models"]) == 1
    for flags in (
        ["--name", "x*"],
        ["--tag", "old"],
        ["--engine", "rten"],
        ["--since", "2999-01-01"],
    ):
        assert invoke("list", *flags, "--json").document["models"] == []
    assert "whose tag is 'old'" in invoke("list", "--tag", "old").out
    for flags in (["--sort", "age"], ["--since", "soon"], ["--format", "onx"]):
        assert invoke("list", *flags).code == ExitCode.BAD_INPUT


def test_list_names_the_files_that_are_gone(invoke: Invoke, tiny: Artifact, entry: Entry) -> None:
    tiny.goldens.unlink()
    assert "1 missing" in invoke("list").out
    shutil.rmtree(tiny.onnx.parent)
    (model,) = invoke("list", "--json").document["models"]
    assert model["status"] == "missing"
    assert set(model["missing"]) > LISTED


def test_info_marks_every_file(invoke: Invoke, tiny: Artifact, entry: Entry) -> None:
    tag("tiny", "prod")
    for target in ("tiny", "tiny@1", "prod", entry.id[:5], tiny.manifest, tiny.onnx):
        ended = invoke("info", target)
        assert ended.code == ExitCode.DONE
        assert "tiny@1" in ended.out
        assert "✓ present" in ended.out
        assert "✗" not in ended.out
    tiny.goldens.write_bytes(b"others")
    tiny.onnx.unlink()
    shown = invoke("info", "prod").out
    assert "✗ changed" in shown
    assert "✗ missing" in shown
    tiny.manifest.unlink()
    assert "which is gone" in invoke("info", "prod").out
    ended = invoke("info", "tinny")
    assert ended.code == ExitCode.BAD_INPUT
    assert "did you mean 'tiny'?" in ended.err


def test_tag_gives_moves_lists_and_takes_away(
    invoke: Invoke, tiny: Artifact, tmp_path: Path, entry: Entry
) -> None:
    assert invoke("tag").out == "No model has a tag.\n"
    assert invoke("tag", "tiny", "prod").out == f"prod names tiny@1 ({entry.id}).\n"
    other = tiny.copy_to(tmp_path / "other")
    other.manifest.write_text(other.manifest.read_text().replace(entry.sha256, "0" * 64))
    assert register(other.manifest).label == "tiny@2"
    moved = invoke("tag", "tiny@2", "prod", "--json").document["tag"]
    assert (moved["version"], moved["moved_from"]) == (2, "tiny@1")
    invoke("tag", "tiny@1", "old")
    rows = invoke("tag", "--json").document["tags"]
    assert [(row["tag"], row["version"]) for row in rows] == [("old", 1), ("prod", 2)]
    assert "prod" in invoke("tag", "tiny@2").out
    assert "old" not in invoke("tag", "tiny@2").out
    assert "no longer names" in invoke("tag", "--delete", "prod").out
    ended = invoke("tag", "-d", "prod")
    assert ended.code == ExitCode.BAD_INPUT
    assert "There is no tag 'prod'" in ended.err
    assert invoke("tag", "tiny", "--delete", "old").code == ExitCode.BAD_INPUT
    assert invoke("tag", "tiny", "tiny").code == ExitCode.BAD_INPUT


def test_remove_takes_the_entry_and_leaves_the_files(
    invoke: Invoke, tiny: Artifact, entry: Entry
) -> None:
    assert "would be removed" in invoke("remove", "tiny", "--dry-run").out
    assert find("tiny")
    removed = invoke("remove", "tiny", "--json").document["removed"]
    assert (removed["id"], removed["files"]) == (entry.id, [])
    assert tiny.manifest.exists()
    assert invoke("remove", "tiny").code == ExitCode.BAD_INPUT


def test_remove_of_files_is_refused_where_nobody_can_answer(
    command: Invoke, tiny: Artifact, entry: Entry
) -> None:
    ended = command("remove", "tiny", "--files")
    assert ended.code == ExitCode.BAD_INPUT
    assert "no terminal to ask on" in ended.err
    assert "--yes" in ended.err
    assert tiny.manifest.exists()
    assert find("tiny")
    ended = command("remove", "tiny", "--files", "--yes", "--json")
    assert ended.code == ExitCode.DONE
    assert {Path(path).name for path in ended.document["removed"]["files"]} >= LISTED
    assert not tiny.manifest.exists()
    assert tiny.config.exists()


@pytest.mark.parametrize(("answer", "gone"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_remove_of_files_asks_on_a_terminal(
    tiny: Artifact, entry: Entry, answer: str, *, gone: bool
) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "oxidizedvision", "remove", "tiny", "--files"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        process.communicate(timeout=60)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == ExitCode.DONE
    assert "Delete these" in shown
    assert "tiny.onnx" in shown
    assert tiny.onnx.exists() is not gone
    assert (list_models() == []) is gone


def test_gc_says_what_it_does(invoke: Invoke, tiny: Artifact, entry: Entry) -> None:
    assert invoke("gc").out == "Nothing to clear away.\n"
    left = tiny.onnx.parent / f"{PREFIX}tiny-abc.onnx"
    left.write_bytes(b"half")
    tiny.manifest.unlink()
    planned = invoke("gc", "--dry-run", "--json").document
    assert left.exists()
    assert "would be cleared away" in invoke("gc", "--dry-run").out
    done = invoke("gc", "--json").document
    assert not left.exists()
    assert done["files"][0]["path"] == str(left)
    assert {**planned, "dry_run": False} == done
    assert [row["id"] for row in done["entries"]] == [entry.id]
    assert list_models() == []


def test_gc_tells_what_it_could_not_finish(invoke: Invoke, tiny: Artifact, entry: Entry) -> None:
    from oxidizedvision.core.publish import journal_of

    journal_of(tiny.manifest).write_text("{")
    ended = invoke("gc")
    assert ended.code == ExitCode.FILE_SYSTEM
    assert "is damaged" in ended.err
