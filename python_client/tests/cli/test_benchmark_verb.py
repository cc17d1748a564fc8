"""`benchmark` reads its flags, says what was found in words and tables, and writes its files."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ended import Calls, Ended
from made_report import INFINITE, report_of, row_of, sweep_rows, three_rows

from oxidizedvision.benchmark.report import BenchmarkFailure
from oxidizedvision.cli.benchmark_flags import counts
from oxidizedvision.core.errors import ExitCode, Kind
from oxidizedvision.runners.target import Unavailable

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]
VERB = "benchmark.benchmark"
MISSING = Unavailable("openvino", "not_built", "Build it.")


def test_every_flag_is_handed_on(invoke: Invoke, stand_in: StandIn) -> None:
    calls = stand_in(VERB, report_of(*three_rows()))
    flags = (
        "--runner rten --runner torch.compile --iters 5 --batch-size 2 --warmup 1 --device cpu "
        "--threads 1 --program p --processes 2 --reference rten --timeout 7.5 --skip-unavailable "
        "--option mmap=true --no-levers --shape a=2,3,4,5 --shape b=2"
    )
    assert invoke("benchmark", "c.yml", *flags.split()).code == ExitCode.DONE
    assert dataclasses.asdict(calls.arguments.pop("options")) == {
        "iters": 5,
        "batch_size": 2,
        "warmup_iters": 1,
        "device": "cpu",
        "threads": 1,
        "processes": 2,
        "most_processes": None,
        "reference": "rten",
        "timeout_s": 7.5,
        "engine_options": {"mmap": "true"},
        "levers": False,
        "shapes": {"a": (2, 3, 4, 5), "b": (2,)},
    }
    assert calls.arguments.pop("notify")
    assert calls.arguments == {
        "target": Path("c.yml"),
        "runners": ["rten", "torch.compile"],
        "program": Path("p"),
        "skip_unavailable": True,
        "budget": None,
    }


def test_what_is_not_given_is_left_to_the_config(invoke: Invoke, stand_in: StandIn) -> None:
    from oxidizedvision import BenchmarkOptions

    calls = stand_in(VERB, report_of(*three_rows()))
    assert invoke("benchmark", "c.yml").code == ExitCode.DONE
    assert calls.arguments["options"] == BenchmarkOptions()
    assert calls.arguments["runners"] is None


def test_lists_of_counts_are_sweeps(invoke: Invoke, stand_in: StandIn) -> None:
    calls = stand_in(VERB, report_of(*sweep_rows()))
    invoke("benchmark", "c.yml", "--batch-size", "1, 4,8,4", "--threads", "1,2")
    options = calls.arguments["options"]
    assert (options.batch_size, options.threads) == ((1, 4, 8), (1, 2))
    assert counts("--threads", "3,3") == 3
    assert counts("--threads", None) is None


@pytest.mark.parametrize("text", ["", "1,", "0", "-1", "1.5", "four", "1 4", "²", "9" * 5000])
@pytest.mark.parametrize("flag", ["--batch-size", "--threads"])
def test_what_is_no_list_of_counts_is_refused(invoke: Invoke, flag: str, text: str) -> None:
    ended = invoke("benchmark", "c.yml", f"{flag}={text}")
    assert ended.code == ExitCode.BAD_INPUT
    assert f"{flag} {text!r} is no count and no list of counts" in ended.err
    assert f"{flag} 1,4,8 for a sweep" in ended.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--timeout", "0"), "--timeout cannot be 0"),
        (("--timeout", "nan"), "--timeout cannot be nan"),
        (("--timeout", "inf"), "--timeout cannot be inf"),
        (("--html", "."), "--html . is a folder"),
        (("--csv", "."), "--csv . is a folder"),
        (("--iters", "0"), "--iters"),
        (("--processes", "0"), "--processes"),
    ],
)
def test_flags_without_a_meaning_are_refused(
    invoke: Invoke, stand_in: StandIn, flags: tuple[str, ...], message: str
) -> None:
    calls = stand_in(VERB, report_of(*three_rows()))
    ended = invoke("benchmark", "c.yml", *flags)
    assert ended.code == ExitCode.BAD_INPUT
    assert message in ended.err
    assert calls.arguments == {}


def test_the_tables_and_the_words_below_them(invoke: Invoke, stand_in: StandIn) -> None:
    rows = (*three_rows(), row_of("tch", 30.0, versus=(0.667, "slower")))
    stand_in(VERB, report_of(*rows))
    ended = invoke("benchmark", "c.yml")
    lines = ended.out.splitlines()
    assert lines[0].rstrip() == "net: 2 threads, batch 1, cpu"
    headings = [line.split("  ") for line in lines if line.startswith("runner")]
    assert len(headings) == 3
    for text in ("p50 ms", "95 % interval", "avg ms", "p95 ms", "p99 ms", "std ms", "per s"):
        assert text in lines[1], text
    assert {"load ms", "first result ms", "peak MiB", "model", "version"} <= {
        name.strip() for name in headings[2]
    }
    assert "against pytorch, by typical runs" in ended.out
    verdicts = ended.out.split("against pytorch")[1].split("start, memory")[0].splitlines()
    assert [" ".join(line.split()) for line in verdicts[3:7]] == [
        "pytorch the reference",
        "ort 2.50 2.42 to 2.60 faster",
        "rten 0.99 0.97 to 1.03 no significant difference",
        "tch 0.67 0.65 to 0.69 slower",
    ]
    assert "Noise floor: pytorch measured a second time" in ended.out
    assert "Machine: Some CPU, avx2 fma, 4 of 8 processors granted" in ended.out
    assert "warning" not in ended.out


def test_tables_fit_a_hundred_columns(invoke: Invoke, stand_in: StandIn) -> None:
    rows = [
        dataclasses.replace(
            row,
            runner="torchscript" if row.runner == "runner1" else "torch.compile",
            p50_interval_ms=(123456.0, 234567.0),
            engine_version="2.13.0+cu130",
        )
        for row in sweep_rows(2)
    ]
    stand_in(VERB, report_of(*rows))
    tables = invoke("benchmark", "c.yml").out.split("Noise floor")[0].splitlines()
    assert max(len(line.rstrip()) for line in tables) <= 100


def test_rows_to_beware_of_are_warned_of(invoke: Invoke, stand_in: StandIn) -> None:
    rows = (row_of("a", settled=False), row_of("b", disturbed=0.2))
    stand_in(VERB, report_of(*rows))
    out = invoke("benchmark", "c.yml").out
    assert "warning: Not settled: a." in out
    assert "warning: Disturbed: b (20% of the time)." in out


def test_failures_and_missing_runners_are_told(invoke: Invoke, stand_in: StandIn) -> None:
    failure = BenchmarkFailure("tract", Kind.SHAPE_MISMATCH, "no batch of 4", "Use batch 1.")
    report = report_of(*three_rows(), failures=(failure,), unavailable=(MISSING,))
    stand_in(VERB, report)
    ended = invoke("benchmark", "c.yml")
    assert ended.code == ExitCode.BAD_INPUT
    assert "tract failed: no batch of 4" in ended.out
    assert "hint: Use batch 1." in ended.out
    assert "openvino did not run (not built): Build it." in ended.out
    assert "2.50" in ended.out


def test_a_missing_runner_leaves_the_others(invoke: Invoke, stand_in: StandIn) -> None:
    report = report_of(unavailable=(MISSING,), noise=None)
    stand_in(VERB, report)
    ended = invoke("benchmark", "c.yml")
    assert ended.code == ExitCode.MISSING_PART
    assert "openvino did not run" in ended.out
    assert "Noise floor" not in ended.out
    stand_in(VERB, dataclasses.replace(report, skip_unavailable=True))
    assert invoke("benchmark", "c.yml", "--skip-unavailable").code == ExitCode.DONE


def test_json_is_the_whole_report(invoke: Invoke, stand_in: StandIn) -> None:
    row = row_of("rten", 3.14159, p50_interval_ms=INFINITE, peak_rss_mib=math.nan)
    stand_in(VERB, report_of(row, noise=None))
    ended = invoke("benchmark", "c.yml", "--json")
    document: dict[str, Any] = json.loads(ended.out, parse_constant=pytest.fail)
    assert list(document)[:2] == ["schema_version", "model"]
    assert document["schema_version"] == 2
    (shown,) = document["results"]
    assert shown["p50_ms"] == 3.14159
    assert shown["p50_interval_ms"] == [0.0, None]
    assert shown["peak_rss_mib"] is None
    assert len(shown["percentiles_ms"]) == 101


def test_files_are_written_and_named(invoke: Invoke, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in(VERB, report_of(*three_rows()))
    ended = invoke("benchmark", "c.yml", "--html", "new/a.html", "--csv", "b.csv")
    assert ended.code == ExitCode.DONE
    assert "new/a.html" in ended.out
    assert "<svg" in (tmp_path / "new/a.html").read_text("utf-8")
    with (tmp_path / "b.csv").open(encoding="utf-8", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["pytorch", "ort", "rten"]


def test_a_file_that_cannot_be_written_is_told_before_measuring(
    invoke: Invoke, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = stand_in(VERB, report_of(*three_rows()))
    monkeypatch.setattr("os.access", lambda path, _: str(path) != "locked")  # root may write all
    ended = invoke("benchmark", "c.yml", "--html", "locked/a.html")
    assert ended.code == ExitCode.FILE_SYSTEM
    assert "--html locked/a.html cannot be written" in ended.err
    assert calls.arguments == {}


def test_a_budget_may_come_from_another_config(
    invoke: Invoke, stand_in: StandIn, tmp_path: Path
) -> None:
    from oxidizedvision.config import BudgetConfig

    calls = stand_in(VERB, report_of(*three_rows()))
    config = tmp_path / "c.yml"
    text = (
        "model: {path: m.py, class_name: Net, input_shape: [1, 3, 8, 8]}\nexport: {model_name: m}\n"
    )
    config.write_text(f"{text}budget: {{latency_ms: 8}}\n")
    assert invoke("benchmark", "m.ort", "--budget", config).code == ExitCode.DONE
    assert calls.arguments["budget"] == BudgetConfig(latency_ms=8)
    config.write_text(text)
    refused = invoke("benchmark", "m.ort", "--budget", config)
    assert refused.code == ExitCode.BAD_INPUT
    assert "limits nothing" in refused.err


def test_levers_are_marked_and_said(invoke: Invoke, stand_in: StandIn) -> None:
    from oxidizedvision.budget import Lever, check
    from oxidizedvision.config import BudgetConfig

    levers = (
        Lever("a prepared model", "latency 8 to 3 ms", True, "ort, prepared", (), True, "do this"),
        Lever("tract", "", False, refused="it differs"),
    )
    rows = (*three_rows(), row_of("ort", 3.0, name="ort, prepared", lever=True))
    report = report_of(*rows, levers=levers)
    budget = check(BudgetConfig(latency_ms=5), report, levers=levers)
    stand_in(VERB, dataclasses.replace(report, budget=budget))
    ended = invoke("benchmark", "c.yml")
    assert ended.code == ExitCode.CHECK_FAILED
    for text in (
        "ort, prepared (lever)",
        "tried a prepared model: latency 8 to 3 ms, which keeps the budget",
        "to get it: do this",
        "tried tract: refused, it differs",
        "It would be kept with ort, prepared: do this.",
    ):
        assert text in ended.out, text
