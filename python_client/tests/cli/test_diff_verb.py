"""`diff`, `--baseline` and the budget end with 3 where something is worse, and say what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ended import Calls, Ended
from made_report import MACHINE, report_of, row_of

from oxidizedvision.budget import check
from oxidizedvision.config import BudgetConfig
from oxidizedvision.core.errors import ExitCode, Kind
from oxidizedvision.core.results import to_plain

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]


def slow(**known: Any) -> Any:
    return row_of("tract", 12.0, first_results_ms=(32.0,) * 5, **known)


def written(path: Path, report: Any) -> Path:
    path.write_text(json.dumps(to_plain(report)), encoding="utf-8")
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A benchmark, and one that is a fifth slower and ten percent larger."""
    a = written(tmp_path / "a.json", report_of(row_of("tract", 10.0)))
    return a, written(tmp_path / "b.json", report_of(slow(model_bytes=102_080)))


def test_what_is_worse_is_named(invoke: Invoke, pair: tuple[Path, Path]) -> None:
    ended = invoke("diff", *pair)
    assert ended.code == ExitCode.CHECK_FAILED
    assert "tract: latency, ms worse: REGRESSION, 10.05 then 12.06" in ended.out
    assert "+20.0 %" in ended.out
    assert ended.out.splitlines()[-1] == ("FAILED: 2 of 5 figures are worse beyond their limits.")
    backwards = invoke("diff", *reversed(pair))
    assert backwards.code == ExitCode.DONE
    assert "better" in backwards.out
    assert "passed: none of 5 figures is worse beyond its limit." in backwards.out
    one = invoke("diff", *pair, "--metric", "memory")
    assert one.out.splitlines()[-1] == "passed: the one figure is not worse beyond its limit."


def test_options_choose_and_forgive(invoke: Invoke, pair: tuple[Path, Path]) -> None:
    floors = ("--floor", "latency=25", "--floor", "size=15")
    assert invoke("diff", *pair, *floors).code == ExitCode.DONE
    assert invoke("diff", *pair, "--metric", "load,memory").code == ExitCode.DONE
    assert invoke("diff", *pair, "--metric", "size").code == ExitCode.CHECK_FAILED
    assert invoke("diff", *pair, "--k", 50, "--metric", "latency").code == ExitCode.DONE
    document = invoke("diff", *pair, "--json", *floors).document
    assert document["passed"] is True
    assert document["floors"]["latency"] == 0.25
    assert {row["metric"] for row in document["differences"]} >= {"latency", "size"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--floor", "latency"), "--floor latency is not METRIC=NUMBER"),
        (("--floor", "latency=fast"), "is not METRIC=NUMBER"),
        (("--floor", "latensy=5"), "did you mean 'latency'"),
        (("--floor", "latency=-5"), "--floor latency=-5 is no floor"),
        (("--floor", "latency=nan"), "--floor latency=nan is no floor"),
        (("--metric", "latency,speed"), "There is no metric 'speed'"),
        (("--k", "-1"), "--k"),
    ],
)
def test_flags_without_a_meaning(
    invoke: Invoke, pair: tuple[Path, Path], flags: tuple[str, ...], words: str
) -> None:
    ended = invoke("diff", *pair, *flags)
    assert ended.code == ExitCode.BAD_INPUT
    assert words in ended.err


def test_another_machine_is_told_and_does_not_decide(invoke: Invoke, tmp_path: Path) -> None:
    a = written(tmp_path / "a.json", report_of(row_of("tract", 10.0)))
    b = written(tmp_path / "b.json", report_of(slow(), machine={**MACHINE, "cpu": "Other CPU"}))
    ended = invoke("diff", a, b)
    assert ended.code == ExitCode.DONE
    assert "Another processor: Some CPU, then Other CPU." in ended.out
    assert "worse (told only)" in ended.out
    assert invoke("diff", a, b, "--across-machines").code == ExitCode.CHECK_FAILED


def test_nothing_in_common(invoke: Invoke, tmp_path: Path) -> None:
    a = written(tmp_path / "a.json", report_of(row_of("tract")))
    b = written(tmp_path / "b.json", report_of(row_of("rten")))
    ended = invoke("diff", a, b)
    assert ended.code == ExitCode.BAD_INPUT
    assert "no figure in common" in ended.out


@pytest.mark.parametrize("content", ["", "{", "[]", '{"results": [1], "machine": {}}', "[" * 9999])
def test_a_broken_file_is_no_traceback(
    command: Invoke, pair: tuple[Path, Path], tmp_path: Path, content: str
) -> None:
    broken = tmp_path / "c.json"
    broken.write_text(content)
    ended = command("diff", pair[0], broken)
    assert ended.code == ExitCode.BAD_INPUT
    assert "c.json cannot be compared" in ended.err
    assert "Traceback" not in ended.err
    assert "hint:" in ended.err


def test_names_with_control_characters_are_shown_harmlessly(invoke: Invoke, tmp_path: Path) -> None:
    report = report_of(row_of("\x1b[31mtract\x07"))
    path = written(tmp_path / "a.json", report)
    ended = invoke("diff", path, path)
    assert ended.code == ExitCode.DONE
    assert "\x1b" not in ended.out
    assert "\x07" not in ended.out


def test_a_baseline(invoke: Invoke, stand_in: StandIn, pair: tuple[Path, Path]) -> None:
    stand_in("benchmark.benchmark", report_of(slow()))
    ended = invoke("benchmark", "c.yml", "--baseline", pair[0])
    assert ended.code == ExitCode.CHECK_FAILED
    assert "FAILED: 1 of 5 figures" in ended.out
    ended = invoke("benchmark", "c.yml", "--baseline", pair[0], "--json")
    document = json.loads(ended.out)
    assert document["results"][0]["runner"] == "tract"
    assert document["baseline"]["passed"] is False
    stand_in("benchmark.benchmark", report_of(row_of("tract", 10.0)))
    assert invoke("benchmark", "c.yml", "--baseline", pair[0]).code == ExitCode.DONE
    assert "baseline" not in json.loads(invoke("benchmark", "c.yml", "--json").out)


def test_a_baseline_that_is_not_there_is_noticed_before_measuring(
    invoke: Invoke, stand_in: StandIn
) -> None:
    calls = stand_in("benchmark.benchmark", report_of(slow()))
    ended = invoke("benchmark", "c.yml", "--baseline", "none.json")
    assert ended.code == ExitCode.BAD_INPUT
    assert not calls.arguments


def test_failures_keep_their_exit_code(
    invoke: Invoke, stand_in: StandIn, pair: tuple[Path, Path]
) -> None:
    from oxidizedvision.benchmark.report import BenchmarkFailure

    failure = BenchmarkFailure("rten", Kind.ENGINE_FAILED, "it died", "Try again.")
    stand_in("benchmark.benchmark", report_of(slow(), failures=(failure,)))
    assert invoke("benchmark", "c.yml", "--baseline", pair[0]).code == ExitCode.OUR_FAULT


def test_a_broken_budget(invoke: Invoke, stand_in: StandIn) -> None:
    report = report_of(row_of("tract", 10.0), row_of("rten", 8.0))
    for limit, code, words in (
        (
            7.0,
            ExitCode.CHECK_FAILED,
            "The budget is broken. The nearest is rten: latency 8 ms is 1",
        ),
        (9.0, ExitCode.DONE, "The budget is surely kept by rten: latency 8 of 9 ms"),
    ):
        budget = check(BudgetConfig(latency_ms=limit), report)
        stand_in("benchmark.benchmark", report_of(*report.results, budget=budget))
        ended = invoke("benchmark", "c.yml")
        assert ended.code == code
        assert words in ended.out
        document = json.loads(invoke("benchmark", "c.yml", "--json").out)
        assert document["budget"]["candidate"] == "rten"


def test_a_package_beyond_its_budget(invoke: Invoke, stand_in: StandIn) -> None:
    from oxidizedvision import PackageResult
    from oxidizedvision.budget import check_shipped

    budget = check_shipped(BudgetConfig(size_mb=1.0), None, runners=("rten",), size=2_000_000)
    result = PackageResult(
        path=Path("crate"),
        name="net",
        engine="rten",
        reason="asked for",
        executable=None,
        files=(),
        bytes=1,
        budget=budget,
    )
    stand_in("package.package", result)
    ended = invoke("package", "c.yml")
    assert ended.code == ExitCode.CHECK_FAILED
    assert "size 2 MB is 1 MB (100.0 %) beyond the 1 MB allowed" in ended.out


def test_a_run_beyond_its_budget(invoke: Invoke, stand_in: StandIn, tmp_path: Path) -> None:
    from oxidizedvision import PipelineResult

    report = report_of(row_of("program", 10.0))
    budget = check(BudgetConfig(latency_ms=7.0), report)
    validation = {"results": [], "integrity": [], "unavailable": [], "passed": True}
    tolerances = {"tolerance_mae": 1e-5, "tolerance_cos_sim": 0.999}
    document = {
        "files": [],
        "validation": {**validation, **tolerances},
        "benchmark": to_plain(report_of(*report.results, budget=budget)),
    }
    places = dict.fromkeys(("manifest", "crate", "report_json", "report_html"), tmp_path)
    result = PipelineResult(
        passed=True,
        name="net",
        executable=None,
        stages=(),
        unavailable=(),
        report=document,
        budget=budget,
        **places,
    )
    stand_in("pipeline.run", result)
    ended = invoke("run", "c.yml")
    assert ended.code == ExitCode.CHECK_FAILED
    assert "The budget is broken. The nearest is program" in ended.out
