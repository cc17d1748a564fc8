"""`make soak` kills where it says, sees what is wrong, and finds nothing wrong in the verbs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from benchmarks.soak import oracle
from benchmarks.soak.killing import Moment, run
from benchmarks.soak.life import Attempt, Life, small_manifest
from benchmarks.soak.oracle import Memory, leftovers, problems
from benchmarks.soak.soak import Row, table
from oxidizedvision.core.claims import PREFIX, Claim
from oxidizedvision.core.crates import MARK
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.registry import register, remove, tag
from oxidizedvision.registry.objects import objects_folder

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.e2e
def test_five_kills_leave_everything_whole() -> None:
    process = subprocess.run(
        [
            sys.executable,
            ROOT / "benchmarks" / "soak" / "soak.py",
            *("--kills", "5", "--registrations", "25", "--seed", "1"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert process.stdout.splitlines()[-2].split()[:2] == ["all", "5"]
    assert "8 writers x 25 registrations: 0 lost" in process.stdout


@pytest.fixture
def life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Life:
    """A life that has begun, with a manifest and a crate where the model's would be."""
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    life = Life(tmp_path)
    life.begin()
    small_manifest(life.out, "net")
    (life.crate / "src").mkdir(parents=True)
    (life.crate / "tests").mkdir()
    manifest = load_manifest(life.manifest)
    manifest.save(life.crate / MARK)
    for name, source in (("model.onnx", "onnx"), ("model.golden.safetensors", "goldens")):
        record = manifest.head("onnx") if source == "onnx" else manifest.goldens
        (life.crate / name).write_bytes((life.out / record.file).read_bytes())
    for name in ("Cargo.toml", "Cargo.lock", "src/main.rs", "tests/golden.rs", "README.md"):
        (life.crate / name).write_text("text")
    return life


NOTHING = Attempt("register", lambda: None, lambda: True)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


PLANTED: dict[str, tuple[Callable[[Life], object], str]] = {
    "a file cut short": (lambda life: cut(life.out / "net.onnx"), "net.onnx is not what its"),
    "a file of another conversion": (
        lambda life: (life.out / "net.pt").write_bytes(b"new"),
        "net.pt is not what its manifest lists",
    ),
    "a file gone": (lambda life: (life.out / "net.pt").unlink(), "net.pt is listed and missing"),
    "a manifest cut short": (lambda life: cut(life.manifest), "is not a manifest"),
    "an entry lost": (lambda _: remove("steady-1"), "steady-1@1 is lost"),
    "a tag moved": (lambda _: tag("steady-1", "prod"), "tag prod moved by itself"),
    "the tag lost": (lambda _: remove("steady-0"), "tag prod moved by itself"),
    "a kept manifest lost": (
        lambda _: [path.unlink() for path in objects_folder().iterdir()],
        "the manifest that was kept for steady-0@1 is lost",
    ),
    "the registry cut short": (
        lambda life: cut(life.root / "home" / "registry.json"),
        "was damaged",
    ),
    "a crate's model": (lambda life: cut(life.crate / "model.onnx"), "of the crate is not what"),
    "a crate's source": (lambda life: (life.crate / "src" / "main.rs").unlink(), "is missing"),
    "a half crate": (lambda life: (life.crate / MARK).unlink(), "There is no file"),
}


def test_a_whole_life_has_no_problems(life: Life) -> None:
    assert problems(life, Memory.now(), NOTHING) == []
    assert leftovers(life) == []


@pytest.mark.parametrize(("plant", "found"), PLANTED.values(), ids=PLANTED)
def test_what_is_wrong_is_seen(life: Life, plant: Callable[[Life], object], found: str) -> None:
    before = Memory.now()
    plant(life)
    assert any(found in problem for problem in problems(life, before, NOTHING))


def test_a_lock_that_is_held_is_seen(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "LOCK_SECONDS", 0.1)
    before = Memory.now()
    claim = Claim.of(life.out)
    with FileLock(life.root / "home" / "registry.lock"):
        found = problems(life, before, NOTHING)
    claim.close()
    assert found == ["the registry's lock is stuck", "the lock of out/ is stuck"]


def test_what_may_go_is_no_loss(life: Life) -> None:
    entry = register(small_manifest(life.root / "small", "passing"))
    before = Memory.now()
    remove("passing", files=True)
    may_go = Attempt("remove", lambda: None, lambda: True, frozenset({entry.sha256}))
    assert problems(life, before, may_go) == []


def test_everything_unfinished_is_counted(life: Life) -> None:
    (life.out / f"{PREFIX}convert-abc").mkdir()
    (life.out / ".net.oxv.json.pending").touch()
    (life.out / ".gitignore").touch()
    assert len(leftovers(life)) == 2


def test_a_child_dies_before_a_step_or_once_a_file_is_emptied(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    def write_and_move() -> None:
        first.write_text("new")
        first.rename(second)

    seen = []
    for step in (1, 2, 3, 4):
        first.write_text("old")
        second.unlink(missing_ok=True)
        ended = run(write_and_move, Moment(step=step))
        seen.append((ended.killed, *(p.read_text() for p in (first, second) if p.exists())))
    assert seen == [(True, "old"), (True, ""), (True, "new"), (False, "new")]
    assert ended.steps == 3


def test_a_child_dies_in_time_and_with_what_it_started(tmp_path: Path) -> None:
    def start_and_wait() -> None:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        (tmp_path / "started").touch()
        time.sleep(60)

    ended = run(start_and_wait, Moment(seconds=1.0), tmp_path / "log")
    assert ended.killed
    assert ended.seconds < 30
    assert (tmp_path / "started").exists()


def test_a_child_that_fails_says_so(tmp_path: Path) -> None:
    ended = run(lambda: 1 / 0, log=tmp_path / "log")
    assert (ended.killed, ended.code) == (False, 1)
    assert "ZeroDivisionError" in (tmp_path / "log").read_text()


def test_the_table_adds_up() -> None:
    rows = {"tag": Row(2, 1, 1, 0, 3, ["it broke"]), "gc": Row(1, 0, 1, 1, 0)}
    assert table(rows).splitlines()[-1].split() == ["all", "3", "1", "2", "1", "3", "1"]
