"""What a series of trials says, and the slowdown that is put in on purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.trust import run, slow_worker
from benchmarks.trust.run import Series
from benchmarks.trust.slow_worker import SLOWDOWN, SlowedRunner

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("right", "wrong", "holds"), [(40, 0, True), (38, 0, True), (37, 0, False), (39, 1, False)]
)
def test_a_series_holds_with_few_misses_and_no_wrong_direction(
    right: int, wrong: int, holds: bool
) -> None:
    series = Series("slow", "slower", "faster", 0.95)
    series.verdicts.update({"slower": right, "faster": wrong, "no": 40 - right - wrong})
    assert series.holds is holds
    series.rows = [{"interval": [0.9, 1.0]}]
    assert ("NOT KEPT" in run._table([series])) is not holds


def test_a_part_that_is_tried_again_leaves_the_other_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results, readme = tmp_path / "results.json", tmp_path / "README.md"
    readme.write_text(f"a\n{run.START}\n{run.END}\nz\n")
    monkeypatch.setattr(run, "RESULTS", results)
    monkeypatch.setattr(run, "README", readme)
    row = {"interval": [0.9, 1.0]}
    quiet = Series("slow, as it is", "slower", "faster", 0.95, Counter(slower=40), [row] * 40)
    loaded = Series(f"slow, {run.LOADED}", "slower", "faster", 0.8, Counter(slower=33), [row] * 40)
    assert run._with_committed([loaded]) == [loaded]
    run._write([quiet, loaded], "table")
    again = Series(quiet.name, "slower", "faster", 0.95, Counter(slower=39, no=1), [row] * 40)
    assert run._with_committed([again]) == [again, loaded]
    monkeypatch.setattr(run, "fingerprint", lambda: {"cpu": "b", "flags": [], "versions": {}})
    with pytest.raises(SystemExit, match="another machine"):
        run._with_committed([again])


def test_the_planted_slowdown_is_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0

    def clock() -> int:
        nonlocal now
        now += 1_000
        return now

    def engine(_: object) -> dict[str, np.ndarray]:
        nonlocal now
        now += 10_000_000
        return {}

    monkeypatch.setattr(slow_worker.time, "perf_counter_ns", clock)
    slowed = SlowedRunner(SimpleNamespace(run_named=engine))  # type: ignore[arg-type]
    start = now
    slowed.run_named({})
    assert now - start == pytest.approx(10_000_000 * SLOWDOWN, rel=1e-3)


_LOADED = """
import time
from benchmarks.trust.load import competing
if __name__ == "__main__":
    with competing(0):
        print("ready", flush=True)
        time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_other_work_ends_with_whoever_wanted_it(tmp_path: Path) -> None:
    script = tmp_path / "loaded.py"
    script.write_text(_LOADED, encoding="utf-8")
    parent = subprocess.Popen(
        (sys.executable, str(script)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    children = _children(parent.pid)
    assert children
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 30
    while any(map(_is_running, children)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]


def _is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
