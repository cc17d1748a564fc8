"""`make onnx-cases` loses no case to a crash, counts what was lost, and tells what became worse."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx", reason="it brings the cases")

from benchmarks.onnx_cases import table as tables
from benchmarks.onnx_cases.drive import Outcome, ProgramError, drive
from benchmarks.onnx_cases.export import Exported, Written
from benchmarks.onnx_cases.run import PAGE, TABLE, faults_of
from benchmarks.onnx_cases.table import EngineResult

CASES = ["a", "b", "c", "d"]

PROGRAM = """
import json, os, signal, sys, time
cases = ["a", "b", "c", "d"]
after = sys.argv[sys.argv.index("--after") + 1] if "--after" in sys.argv else ""
for case in cases:
    if case <= after:
        continue
    if case == "b":
        print("a last word", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGABRT)
    if case == "c":
        time.sleep(60)
    print(json.dumps({"case": case, "status": "pass"}), flush=True)
"""


def fake(tmp_path: Path, source: str) -> list[str]:
    file = tmp_path / "program.py"
    file.write_text(source)
    return [sys.executable, str(file)]


def test_a_crash_and_a_hang_are_outcomes_and_the_rest_still_runs(tmp_path: Path) -> None:
    outcomes = drive(fake(tmp_path, PROGRAM), CASES, seconds=3)
    assert [outcomes[case].status for case in CASES] == ["pass", "crash", "timeout", "pass"]
    assert "SIGABRT" in outcomes["b"].reason
    assert "a last word" in outcomes["b"].reason


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys; print('x', file=sys.stderr); sys.exit(2)", "code 2"),
        ('print(\'{"case": "z", "status": "pass"}\')', "ran z"),
        ("print('hello')", "not an outcome"),
    ],
)
def test_a_program_that_does_not_do_its_part_is_told(
    tmp_path: Path, source: str, said: str
) -> None:
    with pytest.raises(ProgramError, match=said):
        drive(fake(tmp_path, source), CASES)


def test_a_program_that_ends_early_every_time_is_no_endless_loop(tmp_path: Path) -> None:
    outcomes = drive(fake(tmp_path, "import sys; sys.exit('out of memory')"), CASES)
    assert {outcome.status for outcome in outcomes.values()} == {"crash"}
    assert "out of memory" in outcomes["d"].reason


def exported() -> Exported:
    cases = {case: Written("node", frozenset({"f32"})) for case in CASES}
    cases["d"] = Written("light", frozenset({"f64"}))
    return Exported(cases, {"e": "string"}, [])


def result(name: str, ours: dict[str, Outcome]) -> EngineResult:
    passes = {case: Outcome(case, "pass") for case in CASES}
    return EngineResult(name, "1", passes | ours, passes)


def test_what_only_the_bare_engine_passes_is_lost() -> None:
    mismatch = Outcome("b", "mismatch")
    assert tables.lost(result("rten", {"b": mismatch}), exported()) == ["b"]
    assert faults_of([result("rten", {"b": mismatch})], exported())
    assert faults_of([result("rten", {})], exported()) == []


def test_only_a_refusal_of_a_type_that_the_engine_lacks_is_excused() -> None:
    refusal = Outcome("d", "load_error", "unsupported")
    assert tables.lost(result("openvino", {"d": refusal}), exported()) == []
    assert tables.lost(result("tract", {"d": refusal}), exported()) == ["d"]
    assert tables.lost(result("openvino", {"d": Outcome("d", "mismatch")}), exported()) == ["d"]
    other = Outcome("a", "load_error", "unsupported")
    assert tables.lost(result("openvino", {"a": other}), exported()) == ["a"]


def test_a_crash_is_a_fault_on_either_side() -> None:
    crash = Outcome("a", "crash")
    ours = result("ort", {"a": crash})
    bare = EngineResult("ort", "1", ours.bare, ours.ours)
    assert "ort ours: a: crash" in "\n".join(faults_of([ours], exported()))
    assert "ort bare: a: crash" in "\n".join(faults_of([bare], exported()))


def test_a_drift_to_the_worse_is_found_and_one_to_the_better_is_not() -> None:
    before = tables.document(exported(), [result("rten", {"b": Outcome("b", "mismatch")})], "1")
    better = tables.document(exported(), [result("rten", {})], "1")
    assert tables.worse(better, before) == []
    assert tables.worse(before, better) == ["rten: b passed"]
    fewer: dict[str, Any] = copy.deepcopy(better)
    fewer["cases"]["node"] -= 1
    assert tables.worse(fewer, better) == ["3 cases, there were 4"]
    assert tables.worse({**better, "engines": {}}, better) == ["rten: was not run"]


def test_the_page_holds_the_committed_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert tables.placed(page, tables.markdown(json.loads(TABLE.read_text()))) == page
