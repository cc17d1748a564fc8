"""Many writers at once, and writers that are killed: no entry is lost.

`make soak` does the same with 200 registrations each.
"""

from __future__ import annotations

import os
from pathlib import Path

from written_manifest import write_manifest

from benchmarks.soak.killing import Moment, run
from oxidizedvision.registry import collect_garbage, find, list_models, register, tag

WRITERS, EACH = 8, 40


def test_writers_in_parallel_lose_nothing(tmp_path: Path) -> None:
    wanted = {f"net-{writer}-{index}" for writer in range(WRITERS) for index in range(EACH)}
    paths = {name: write_manifest(tmp_path / "out", name, name.encode()) for name in wanted}
    children = []
    for writer in range(WRITERS):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for index in range(EACH):
                    register(paths[f"net-{writer}-{index}"])
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * WRITERS
    entries = list_models()
    assert {entry.name for entry in entries} == wanted
    assert {(entry.version, entry.status) for entry in entries} == {(1, "present")}
    assert collect_garbage().files == ()


def test_killed_at_every_step_of_registering_and_tagging(tmp_path: Path, home: Path) -> None:
    register(write_manifest(tmp_path / "first", "first", b"first"))
    path = write_manifest(tmp_path / "new", "new", b"0")

    def change() -> None:
        register(path)
        tag("new", "prod")

    steps = run(change).steps
    assert steps > 5
    for step in range(1, steps + 1):
        path = write_manifest(tmp_path / "new", "new", str(step).encode())
        before = {entry.sha256 for entry in list_models()}
        assert run(change, Moment(step=step)).killed
        after = {entry.sha256: entry for entry in list_models()}
        assert before <= set(after)
        assert find("prod").name == "new"
        change()
        assert find("prod").manifest == path
    leftovers = [path for path in home.rglob(".*") if path.is_file()]
    collect_garbage()
    assert leftovers
    assert not any(path.exists() for path in leftovers)
