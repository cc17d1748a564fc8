"""Tables have the columns that say something, and CSV keeps every number."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from made_report import INFINITE, report_of, row_of, sweep_rows, three_rows

from oxidizedvision import write_csv
from oxidizedvision.benchmark.report import BenchmarkFailure
from oxidizedvision.benchmark.tables import (
    CSV_COLUMNS,
    cost_table,
    latency_table,
    name_columns,
    to_csv,
    verdict_table,
)
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.target import Unavailable


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_what_all_rows_share_is_in_the_title() -> None:
    table = latency_table(report_of(*three_rows()))
    assert table.title == "net: 2 threads, batch 1, cpu"
    assert table.columns[:3] == ("runner", "p50 ms", "95 % interval")
    assert table.rows[0][:3] == ("pytorch", "20.00", "19.60 to 20.60")


def test_a_sweep_has_a_column_for_what_differs() -> None:
    table = latency_table(report_of(*sweep_rows()))
    assert table.title == "net: 2 threads, cpu"
    assert table.columns[:2] == ("runner", "batch")
    assert [row[:2] for row in table.rows[:3]] == [
        ("runner0", "1"),
        ("runner0", "4"),
        ("runner0", "8"),
    ]


def test_rows_of_one_runner_keep_their_names() -> None:
    rows = [row_of("ort", name="ort, quantised"), row_of("ort", name="ort, plain")]
    assert name_columns(rows) == [("runner",), ("ort, quantised",), ("ort, plain",)]


def test_verdicts_stand_beside_what_they_rest_on() -> None:
    table = verdict_table(report_of(*three_rows()))
    assert table is not None
    assert "against pytorch" in table.title
    assert [row[-1] for row in table.rows] == [
        "the reference",
        "faster",
        "no significant difference",
    ]
    assert table.rows[1][1:3] == ("2.50", "2.42 to 2.60")
    assert verdict_table(report_of(row_of("rten"))) is None


def test_costs_are_dashed_where_not_known() -> None:
    table = cost_table(report_of(row_of("program", 5.0, peak_rss_mib=math.nan)))
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        "runner": "program",
        "load ms": "12.00",
        "first result ms": "22.00",
        "peak MiB": "–",
        "model": "90.6 KiB",
        "version": "1.2",
    }


def test_csv_gives_back_every_number() -> None:
    rows = three_rows()
    report = report_of(*rows, errors={"ort": 4.7e-7})
    found = read(to_csv(report))
    assert [row["name"] for row in found] == ["pytorch", "ort", "rten"]
    for made, row in zip(rows, found, strict=True):
        for name in ("p50_ms", "avg_ms", "p95_ms", "p99_ms", "std_ms", "throughput_per_s"):
            assert float(row[name]) == getattr(made, name)
        assert (float(row["p50_low_ms"]), float(row["p50_high_ms"])) == made.p50_interval_ms
        assert int(row["model_bytes"]) == made.model_bytes
    assert found[1]["verdict"] == "faster"
    assert float(found[1]["speedup"]) == 2.5
    assert float(found[1]["max_error"]) == 4.7e-7
    assert found[0]["verdict"] == found[0]["max_error"] == ""
    assert {row["noise_floor"] for row in found} == {"0.01"}
    assert {row["cpu_flags"] for row in found} == {"avx2 fma"}


def test_csv_has_a_row_for_what_has_no_figures() -> None:
    failure = BenchmarkFailure("tract", Kind.PANICKED, 'it said "no",\nthen died', "Report it.")
    report = report_of(failures=(failure,), unavailable=(Unavailable("tch", "missing", "Build."),))
    failed, missing = read(to_csv(report))
    assert (failed["name"], failed["status"]) == ("tract", "failed")
    assert failed["message"] == 'it said "no",\nthen died'
    assert (missing["name"], missing["status"], missing["p50_ms"]) == ("tch", "missing", "")


def test_csv_leaves_out_what_is_not_finite() -> None:
    row = row_of("rten", p50_interval_ms=INFINITE, peak_rss_mib=math.nan, disturbed=None)
    (found,) = read(to_csv(report_of(row, noise=None)))
    assert found["p50_high_ms"] == found["peak_rss_mib"] == found["disturbed"] == ""
    assert found["noise_floor"] == ""
    assert found["settled"] == "true"


def test_the_order_of_the_columns_is_kept() -> None:
    heading = to_csv(report_of()).splitlines()[0].split(",")
    assert heading == list(CSV_COLUMNS)
    assert heading[:5] == ["model", "name", "status", "message", "runner"]
    assert heading[11:15] == ["p50_ms", "p50_low_ms", "p50_high_ms", "avg_ms"]


def test_csv_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "figures.csv"
    write_csv(report_of(row_of("a\udcff")), path)
    assert path.read_text("utf-8").splitlines()[1].startswith("net,a?,measured")
    with pytest.raises(OxidizedVisionError, match="figures"):
        write_csv(report_of(), path / "figures.csv")
    assert path.is_file()
