"""Tables and CSV of a profile show the largest, sum the rest, and leave nothing out."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections import defaultdict
from pathlib import Path

import pytest
from made_engine_profile import FUSING, engine, profile_of, three_engines

from oxidizedvision.benchmark.engine_profile import UntoldEngine, tables, write_csv
from oxidizedvision.benchmark.report import BenchmarkFailure
from oxidizedvision.core.errors import ExitCode, Kind
from oxidizedvision.runners.target import Unavailable

UNTOLD = UntoldEngine("rten", "0.1", 12.5)
FAILURE = BenchmarkFailure("tract", Kind.SHAPE_MISMATCH, "no batch of 4", "Use batch 1.")
GONE = Unavailable("openvino", "missing", "Install it.")


def test_the_largest_rows_the_rest_and_the_totals() -> None:
    table = tables.side_table(three_engines(), "operator", top=2)
    assert table is not None
    assert table.title == "net by operator: 1 thread, batch 1"
    assert table.columns == ("operator", "ort ms", "tract ms")
    assert table.rows == [
        ("Conv", "3.000", "7.000"),
        ("Relu", "–", "1.500"),
        ("the rest (4 rows)", "0.900", "0.500"),
        ("total of the nodes", "3.900", "9.000"),
        ("a run without profiling", "3.500", "8.800"),
    ]


def test_one_row_is_left_in_the_singular_and_none_makes_no_rest() -> None:
    rows = tables.side_table(three_engines(), "operator", top=5)
    assert rows is not None
    assert rows.rows[5] == ("the rest (1 row)", "0.050", "–")
    whole = tables.side_table(three_engines(), "operator", top=6)
    assert whole is not None
    assert len(whole.rows) == 8
    assert not any("the rest" in row[0] for row in whole.rows)


def test_modules_at_a_depth_with_pytorch_beside() -> None:
    table = tables.side_table(three_engines(), "module", depth=1, top=2)
    assert table is not None
    assert table.columns == ("module", "pytorch ms", "ort ms", "tract ms")
    assert table.rows[:3] == [
        ("block", "1.800", "3.000", "8.500"),
        ("(added by the engine)", "–", "0.500", "–"),
        ("the rest (3 rows)", "0.200", "0.400", "0.500"),
    ]
    assert table.rows[-1][0] == "a run without profiling"


def test_engines_with_other_threads_are_named() -> None:
    two = [dataclasses.replace(e, threads=2) for e in three_engines().engines]
    report = profile_of(*two[:2], dataclasses.replace(two[2], threads=1))
    table = tables.side_table(report, "module")
    assert table is not None
    assert table.title == "net by module: 2 threads (tract 1), batch 1"


def test_without_engines_there_is_no_table() -> None:
    report = profile_of(untold=(UNTOLD,))
    assert tables.side_table(report, "operator") is None
    assert tables.side_table(report, "module") is None
    assert tables.sentences(report) == [
        "rten cannot tell where its time goes; a run takes 12.50 ms."
    ]
    only_pytorch = profile_of(three_engines().engines[0])
    assert tables.side_table(only_pytorch, "operator") is None
    assert tables.side_table(only_pytorch, "module") is not None


def test_sentences_tell_what_was_fused_and_who_tells_less() -> None:
    twice = dataclasses.replace(FUSING[2], origins=("second", "plain"))
    report = profile_of(
        three_engines().engines[0], engine("ort", (FUSING[0], twice), 1.0), untold=(UNTOLD,)
    )
    text = " ".join(tables.sentences(report))
    assert "the mean of 4" in text
    assert "ort Relu, MatMul." in text
    assert "pytorch tells time by module, not by operator." in text
    assert "rten cannot tell" in text
    assert "not by operator" not in " ".join(tables.sentences(report, ["module"]))


def test_csv_adds_up(tmp_path: Path) -> None:
    report = dataclasses.replace(
        three_engines(), untold=(UNTOLD,), failures=(FAILURE,), unavailable=(GONE,)
    )
    write_csv(report, tmp_path / "p.csv")
    text = (tmp_path / "p.csv").read_text("utf-8")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert tuple(lines[0]) == tables.CSV_COLUMNS
    sums: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    shares: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for line in lines:
        if line["by"] in {"operator", "module", "total"}:
            sums[line["engine"], line["by"]].append(float(line["ms"]))
        if line["share"]:
            shares[line["engine"], line["by"]].append(float(line["share"]))
    for (name, by), parts in sums.items():
        assert math.fsum(parts) == pytest.approx(sums[name, "total"][0]), by
    assert {by for name, by in sums if name == "pytorch"} == {"module", "total"}
    assert all(math.fsum(parts) == pytest.approx(1.0) for parts in shares.values())
    assert {line["engine"]: line["ms"] for line in lines if line["by"] == "run"} == {
        "pytorch": "1.9",
        "ort": "3.5",
        "tract": "8.8",
        "rten": "12.5",
    }
    told = {line["engine"]: (line["status"], line["message"]) for line in lines[-3:]}
    assert told == {
        "rten": ("cannot tell", ""),
        "tract": ("failed", "no batch of 4"),
        "openvino": ("missing", "Install it."),
    }
    assert [line["name"] for line in lines if line["source"] == "added"] == ["Reorder", ""]


def test_csv_has_what_took_no_time() -> None:
    still = dataclasses.replace(FUSING[0], total_ms=0.0)
    lines = csv.DictReader(io.StringIO(tables.to_csv(profile_of(engine("ort", (still,), 1.0)))))
    found = [(line["by"], line["name"], line["ms"], line["share"]) for line in lines]
    assert found[:2] == [("operator", "Conv", "0.0", ""), ("module", "block.first", "0.0", "")]


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({}, ExitCode.DONE),
        ({"untold": (UNTOLD,)}, ExitCode.DONE),
        ({"engines": (), "untold": (UNTOLD,)}, ExitCode.BAD_INPUT),
        ({"unavailable": (GONE,)}, ExitCode.MISSING_PART),
        ({"unavailable": (GONE,), "skip_unavailable": True}, ExitCode.DONE),
        ({"failures": (FAILURE,), "unavailable": (GONE,)}, ExitCode.BAD_INPUT),
    ],
)
def test_exit_codes(known: dict[str, object], code: ExitCode) -> None:
    assert dataclasses.replace(three_engines(), **known).exit_code is code  # type: ignore[arg-type]
