"""A change is a regression when it is worse beyond its floor and its noise, and never else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from documents import benchmark_of, check_of, measured, report_document, windows, written
from made_report import MACHINE, report_of, row_of
from written_manifest import write_manifest

from oxidizedvision import DiffOptions, DiffReport, ExitCode, diff
from oxidizedvision.benchmark.report import BenchmarkFailure, NoiseFloor
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.diff import Difference, against, read_side


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))


def compared(folder: Path, a: Any, b: Any, **options: Any) -> DiffReport:
    """Two documents, through files."""
    first, second = written(folder / "a.json", a), written(folder / "b.json", b)
    return diff(first, second, options=DiffOptions(**options))


def only(report: DiffReport, metric: str) -> Difference:
    (row,) = [row for row in report.differences if row.metric == metric]
    return row


LATENCIES = [
    # typical time before and after, spread of the processes, verdict, regression
    ("a tenth slower, tight windows", 10.0, 11.0, 0.002, "worse", True),
    ("a tenth slower, wide windows", 10.0, 11.0, 0.08, "no significant difference", False),
    ("a tenth faster", 11.0, 10.0, 0.002, "better", False),
    ("the same again", 10.0, 10.0, 0.002, "no significant difference", False),
    ("two percent slower: within the floor", 10.0, 10.2, 0.0005, "worse", False),
    ("half a percent slower: within A/A", 10.0, 10.05, 0.0005, "no significant difference", False),
    ("twice as slow, wide windows", 10.0, 20.0, 0.05, "worse", True),
]


@pytest.mark.parametrize(
    ("before", "after", "spread", "verdict", "regression"),
    [case[1:] for case in LATENCIES],
    ids=[case[0] for case in LATENCIES],
)
def test_latency(
    tmp_path: Path, before: float, after: float, spread: float, verdict: str, *, regression: bool
) -> None:
    a = benchmark_of(measured("tract", before, spread=spread, seed=1))
    b = benchmark_of(measured("tract", after, spread=spread, seed=2))
    report = compared(tmp_path, a, b)
    row = only(report, "latency")
    assert (row.verdict, row.regression) == (verdict, regression)
    assert row.ratio == pytest.approx(after / before, rel=2 * spread + 1e-9)
    assert row.interval is not None
    assert row.interval[0] <= row.ratio <= row.interval[1]
    assert report.passed is not regression
    assert report.exit_code == (ExitCode.CHECK_FAILED if regression else ExitCode.DONE)


def test_the_interval_is_not_paired() -> None:
    """Windows that rise alike in both are paired in one sitting; two sittings share nothing."""
    from oxidizedvision.benchmark.statistics import ratio
    from oxidizedvision.diff.judge import unpaired

    a = [[1.0, 1.1], [2.0, 2.2], [4.0, 4.4]]
    b = [[value * 1.1 for value in process] for process in a]
    _, (low, high) = ratio(a, b)
    assert high / low < 1.001
    centre, half = unpaired(a, b)
    assert centre == pytest.approx(1.1)
    assert half > 1


def test_noise_enters_by_k_and_the_floor_by_percent(tmp_path: Path) -> None:
    a = benchmark_of(measured("tract", 10.0, spread=0.01, seed=1))
    b = benchmark_of(measured("tract", 10.6, spread=0.01, seed=2))
    base = only(compared(tmp_path, a, b), "latency")
    assert base.limit is not None
    assert base.limit > 0.03
    doubled = only(compared(tmp_path, a, b, k=4.0), "latency")
    assert doubled.limit == pytest.approx(2 * base.limit)
    assert only(compared(tmp_path, a, b, k=0.0), "latency").limit == 0.03
    raised = only(compared(tmp_path, a, b, floors={"latency": 0.5}), "latency")
    assert (raised.limit, raised.verdict, raised.regression) == (0.5, "worse", False)


def test_the_larger_aa_floor_is_noise(tmp_path: Path) -> None:
    same = NoiseFloor("tract", 1.08, (1.0, 1.1), 0.08)
    a = benchmark_of(measured("tract", 10.0, seed=1), noise=same)
    b = benchmark_of(measured("tract", 11.0, seed=2))
    for first, second in ((a, b), (b, a)):
        row = only(compared(tmp_path, first, second), "latency")
        assert row.limit == pytest.approx(0.16)
        assert not row.regression


def test_load_and_first_result_have_their_own_samples(tmp_path: Path) -> None:
    loads, firsts = (10.0, 10.1, 9.9, 10.0, 10.1), (30.0, 30.1, 29.9, 30.2, 30.0)
    a = benchmark_of(row_of("tract", loads_ms=loads, first_results_ms=firsts))
    slower = tuple(value * 1.3 for value in loads)
    b = benchmark_of(row_of("tract", loads_ms=slower, first_results_ms=firsts))
    report = compared(tmp_path, a, b)
    assert [row.metric for row in report.regressions] == ["load"]
    assert only(report, "load").ratio == pytest.approx(1.3)
    assert compared(tmp_path, a, b, floors={"load": 0.4}).passed


def test_what_was_timed_once_is_no_regression(tmp_path: Path) -> None:
    a = benchmark_of(row_of("tract", loads_ms=(10.0,), windows_ms=((5.0, 5.01, 5.0),)))
    b = benchmark_of(row_of("tract", loads_ms=(30.0,), windows_ms=((5.0, 5.01, 5.0),)))
    report = compared(tmp_path, a, b)
    row = only(report, "load")
    assert (row.verdict, row.regression) == ("no significant difference", False)
    assert any("measured in one process" in note for note in report.notes)


@pytest.mark.parametrize(
    ("after", "verdict", "regression"),
    [(83.0, "no significant difference", False), (85.0, "worse", True), (60.0, "better", False)],
)
def test_memory_has_a_floor_alone(
    tmp_path: Path, after: float, verdict: str, *, regression: bool
) -> None:
    a, b = benchmark_of(row_of("tract")), benchmark_of(row_of("tract", peak_rss_mib=after))
    row = only(compared(tmp_path, a, b), "memory")
    assert (row.verdict, row.regression, row.limit) == (verdict, regression, 0.05)


@pytest.mark.parametrize(
    ("after", "verdict", "regression"),
    [
        (100_000, "no significant difference", False),
        (100_001, "worse", False),
        (101_000, "worse", False),
        (101_001, "worse", True),
        (99_999, "better", False),
    ],
)
def test_size_is_exact(tmp_path: Path, after: int, verdict: str, *, regression: bool) -> None:
    a = benchmark_of(row_of("tract", model_bytes=100_000))
    b = benchmark_of(row_of("tract", model_bytes=after))
    row = only(compared(tmp_path, a, b), "size")
    assert (row.verdict, row.regression, row.after) == (verdict, regression, after)


def test_sizes_of_files_are_told_once(tmp_path: Path) -> None:
    """Rows read the files that both reports list; a row that reads another is told by itself."""
    files = {"ONNX": 92_800, "program (rten)": 5_000_000}
    rows = (row_of("tract"), row_of("rten"), row_of("ort", model_bytes=50_000))
    a = report_document(benchmark_of(*rows), files=files)
    b = report_document(benchmark_of(*rows), files={**files, "program (rten)": 6_000_000})
    report = compared(tmp_path, a, b, metrics=["size"])
    assert [row.subject for row in report.differences] == ["ONNX", "program (rten)", "ort"]
    assert [row.subject for row in report.regressions] == ["program (rten)"]


ACCURACY = [
    # before (passed, MAE), after, verdict of passing, verdict of the mean error, regressions
    ("the same", (True, 1e-7), (True, 1e-7), "no significant difference", None, 0),
    ("worse and passing", (True, 1e-7), (True, 9e-6), "no significant difference", "worse", 0),
    ("no longer passing", (True, 1e-7), (False, 2e-3), "worse", "worse", 3),
    ("failing, barely worse", (True, 9e-6), (False, 1.1e-5), "worse", None, 1),
    (
        "failing and worse still",
        (False, 1e-3),
        (False, 1e-2),
        "no significant difference",
        "worse",
        2,
    ),
    ("passing again", (False, 1e-3), (True, 1e-7), "better", "better", 0),
]


@pytest.mark.parametrize(
    ("before", "after", "passing", "error", "count"),
    [case[1:] for case in ACCURACY],
    ids=[case[0] for case in ACCURACY],
)
def test_accuracy_has_the_tolerance_as_its_budget(
    tmp_path: Path,
    before: tuple[bool, float],
    after: tuple[bool, float],
    passing: str,
    error: str | None,
    count: int,
) -> None:
    documents = [
        report_document(benchmark_of(row_of("rten")), [check_of("rten", passed=ok, mae=mae)])
        for ok, mae in (before, after)
    ]
    report = compared(tmp_path, *documents, metrics=["accuracy"])
    verdicts = {row.figure: row.verdict for row in report.differences}
    assert verdicts["passed"] == passing
    assert verdicts["mae"] == verdicts["max_error"] == (error or "no significant difference")
    assert len(report.regressions) == count
    if error == "worse" and not count:
        assert "within the tolerance" in [row.note for row in report.differences]


def test_an_output_that_cannot_be_compared_any_more(tmp_path: Path) -> None:
    broken = check_of("rten", passed=False, mae=0.0) | {"mae": None, "max_error": None}
    a = report_document(benchmark_of(row_of("rten")), [check_of("rten")])
    b = report_document(benchmark_of(row_of("rten")), [broken])
    (row,) = compared(tmp_path, a, b, metrics=["accuracy"]).regressions
    assert (row.figure, row.verdict) == ("passed", "worse")


def test_errors_without_a_verdict_are_told_only(tmp_path: Path) -> None:
    a = report_document(benchmark_of(row_of("rten")), [check_of("rten", mae=1e-7)])
    b = benchmark_of(row_of("rten"), errors={"rten": 0.5})
    report = compared(tmp_path, a, b, metrics=["accuracy"])
    (row,) = report.differences
    assert (row.figure, row.verdict, row.decides) == ("max_error", "worse", False)
    assert any("told only" in note for note in report.notes)


def test_other_tolerances_are_told(tmp_path: Path) -> None:
    a = report_document(benchmark_of(row_of("rten")), [check_of("rten")])
    b = report_document(benchmark_of(row_of("rten")), [check_of("rten")])
    b["validation"]["tolerance_mae"] = 0.1
    report = compared(tmp_path, a, b)
    assert any("MAE 1e-05" in note and "MAE 0.1" in note for note in report.notes)


def test_rows_that_went_and_came(tmp_path: Path) -> None:
    a = benchmark_of(row_of("tract"), row_of("rten"))
    b = benchmark_of(row_of("rten"), row_of("ort"))
    report = compared(tmp_path, a, b, metrics=["latency"])
    assert {row.subject: row.verdict for row in report.differences} == {
        "rten": "no significant difference",
        "tract": "gone",
        "ort": "new",
    }
    assert report.passed
    assert report.compared == 1


def test_a_row_that_failed_is_a_regression(tmp_path: Path) -> None:
    failure = BenchmarkFailure("tract", Kind.ENGINE_FAILED, "it died", "")
    a = benchmark_of(row_of("tract"), row_of("rten"))
    b = benchmark_of(row_of("rten"), failures=(failure,))
    (row,) = compared(tmp_path, a, b).regressions
    assert (row.subject, row.verdict) == ("tract", "gone")
    assert "it died" in row.note


def test_a_sweep_meets_what_was_no_sweep(tmp_path: Path) -> None:
    a = benchmark_of(row_of("tract"))
    swept = [
        row_of("tract", name=f"tract, {threads} threads", threads=threads) for threads in (2, 4)
    ]
    report = compared(tmp_path, a, benchmark_of(*swept), metrics=["latency"])
    verdicts = {row.subject: row.verdict for row in report.differences}
    assert verdicts == {
        "tract, 2 threads": "no significant difference",
        "tract, 4 threads": "new",
    }


def test_variants_are_rows_of_their_own(tmp_path: Path) -> None:
    a = benchmark_of(row_of("tract", name="tract, int8, batch 1"), row_of("tract"))
    b = benchmark_of(row_of("tract", name="tract, int8"))
    report = compared(tmp_path, a, b, metrics=["latency"])
    assert sorted(row.verdict for row in report.differences) == [
        "gone",
        "no significant difference",
    ]


def test_a_row_of_other_threads_does_not_decide(tmp_path: Path) -> None:
    a = benchmark_of(row_of("tract", 10.0, threads=4))
    b = benchmark_of(row_of("tract", 20.0, threads=2))
    row = only(compared(tmp_path, a, b), "latency")
    assert (row.verdict, row.decides, row.regression) == ("worse", False, False)
    assert row.note == "threads 4, then 2"


MACHINES: list[tuple[dict[str, Any], str]] = [
    ({"cpu": "Another CPU"}, "Another processor: Some CPU, then Another CPU."),
    ({"flags": ["avx2"]}, "avx2 fma, then avx2"),
    ({"threads_granted": 2}, "4, then 2"),
    ({"versions": {"numpy": "3.0"}}, "Another version of numpy: 2.0, then 3.0."),
]


@pytest.mark.parametrize(("change", "words"), MACHINES)
def test_another_machine_does_not_decide(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    a = benchmark_of(row_of("tract", 10.0, model_bytes=100))
    slow = row_of("tract", 20.0, model_bytes=200, loads_ms=(50.0,) * 5, peak_rss_mib=900.0)
    b = benchmark_of(slow, machine={**MACHINE, **change})
    report = compared(tmp_path, a, b)
    assert not report.same_machine
    assert [row.metric for row in report.regressions] == ["size"]
    assert only(report, "latency").verdict == "worse"
    assert any(words in note for note in report.notes), report.notes
    assert any("do not decide" in note for note in report.notes)
    across = compared(tmp_path, a, b, across_machines=True)
    assert {row.metric for row in across.regressions} >= {"latency", "load", "memory", "size"}


@pytest.mark.parametrize("change", [{"flags": ["fma", "avx2"]}, {"load_average": 7.0}])
def test_the_same_machine_at_another_time(tmp_path: Path, change: dict[str, Any]) -> None:
    a = benchmark_of(row_of("tract"))
    b = benchmark_of(row_of("tract"), machine={**MACHINE, **change})
    assert compared(tmp_path, a, b).same_machine


def test_another_engine_version_concerns_its_own_rows(tmp_path: Path) -> None:
    rows = [row_of("onnxruntime", 10.0), row_of("tract", 10.0)]
    slow = [row_of("onnxruntime", 20.0, engine_version="1.3"), row_of("tract", 20.0)]
    machines = [{**MACHINE, "versions": {"onnxruntime": version}} for version in ("1.2", "1.3")]
    a, b = benchmark_of(*rows, machine=machines[0]), benchmark_of(*slow, machine=machines[1])
    report = compared(tmp_path, a, b, metrics=["latency"])
    assert [row.subject for row in report.regressions] == ["tract"]
    across = compared(tmp_path, a, b, metrics=["latency"], across_machines=True)
    assert len(across.regressions) == 2


def version_1(p50_ms: float, load_ms: float = 5.0) -> dict[str, Any]:
    """What `benchmark --json` printed before it measured in several processes."""
    row = {
        "runner": "tract",
        "engine_version": "1.2",
        "threads": 2,
        "batch_size": 1,
        "iterations": 100,
        "avg_ms": p50_ms,
        "p50_ms": p50_ms,
        "p95_ms": p50_ms,
        "p99_ms": p50_ms,
        "std_ms": 0.0,
        "throughput_per_s": 1.0,
        "load_ms": load_ms,
        "first_ms": 6.0,
        "peak_rss_mib": 80.0,
        "model_bytes": 92_800,
    }
    return {
        "schema_version": 1,
        "model": "net",
        "machine": MACHINE,
        "results": [row],
        "unavailable": [],
        "failures": [],
        "skip_unavailable": False,
    }


def test_a_report_of_version_1_has_its_median_and_the_floor(tmp_path: Path) -> None:
    report = compared(tmp_path, version_1(10.0), version_1(10.2, load_ms=50.0))
    assert report.passed
    assert any("too old to tell its noise" in note for note in report.notes)
    report = compared(tmp_path, version_1(10.0), version_1(10.4))
    row = only(report, "latency")
    assert (row.interval, row.limit, row.regression) == (None, 0.03, True)
    # With a new report on one side its A/A floor of 1 % counts, which with k = 4 is beyond 3 %.
    new = benchmark_of(measured("tract", 10.4))
    assert not compared(tmp_path, version_1(10.0), new).passed
    assert only(compared(tmp_path, version_1(10.0), new, k=4.0), "latency").limit == 0.04


def test_other_models_are_told(tmp_path: Path) -> None:
    a = report_document(benchmark_of(row_of("tract")))
    b = report_document(benchmark_of(row_of("tract"), model_sha256="f" * 64))
    b["model"]["name"] = "other"
    b["model"]["inputs"][0]["dims"] = [1, 3, 9, 9]
    report = compared(tmp_path, a, b)
    assert report.passed
    text = " ".join(report.notes)
    assert "net, then other" in text
    assert "The model files differ." in text
    assert "[batch, 3, 8, 8], then input f32 [1, 3, 9, 9]" in text


def test_nothing_in_common_is_no_pass(tmp_path: Path) -> None:
    report = compared(tmp_path, benchmark_of(row_of("tract")), benchmark_of(row_of("rten")))
    assert not report.passed
    assert report.exit_code is ExitCode.BAD_INPUT


def test_metrics_choose(tmp_path: Path) -> None:
    a = benchmark_of(row_of("tract", 10.0, model_bytes=100))
    b = benchmark_of(row_of("tract", 20.0, model_bytes=200))
    report = compared(tmp_path, a, b, metrics=["size", "latency"])
    assert [row.metric for row in report.differences] == ["latency", "size"]
    assert [row.metric for row in compared(tmp_path, a, b, metrics=["size"]).differences] == [
        "size"
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (DiffOptions(floors={"latensy": 0.1}), "did you mean 'latency'"),
        (DiffOptions(metrics=["speed"]), "no metric 'speed'"),
        (DiffOptions(floors={"size": -0.1}), "floor of size cannot be -0.1"),
        (DiffOptions(floors={"size": float("nan")}), "cannot be nan"),
        (DiffOptions(floors={"accuracy": 0.5}), "floor of accuracy cannot be 0.5"),
        (DiffOptions(k=-1.0), "k cannot be -1"),
        (DiffOptions(k=float("inf")), "k cannot be inf"),
    ],
)
def test_options_without_a_meaning(options: DiffOptions, words: str) -> None:
    with pytest.raises(OxidizedVisionError, match=words) as caught:
        diff("a", "b", options=options)
    assert caught.value.kind is Kind.USAGE


def test_noise_that_hides_what_is_looked_for_is_said(tmp_path: Path) -> None:
    a = benchmark_of(measured("tract", 10.0, spread=0.1, seed=1))
    report = compared(tmp_path, a, a)
    assert any("Noise hides changes of latency" in note for note in report.notes)


def test_against_what_was_just_measured(tmp_path: Path) -> None:
    baseline = written(tmp_path / "a.json", benchmark_of(measured("tract", 10.0, seed=1)))
    slower = report_of(measured("tract", 11.0, seed=2))
    report = against(slower, baseline)
    assert [row.metric for row in report.regressions] == ["latency"]
    side = read_side(baseline)
    baseline.unlink()
    assert against(slower, side) == report


def test_manifests_and_registered_models(tmp_path: Path) -> None:
    from oxidizedvision import register
    from oxidizedvision.core.manifest import update_manifest

    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, typical, content in zip(
        folders, (10.0, 11.0), (b"onnx", b"a larger onnx"), strict=True
    ):
        manifest = write_manifest(folder, content=content)
        document = benchmark_of(measured("tract", typical, seed=1), model_sha256="0" * 64)
        validation = report_document(document, [check_of("tract")])["validation"]
        change = {"benchmark": {"at": "now", **document}, "validation": validation}
        update_manifest(manifest, lambda m, c=change: m.model_copy(update=c))
        register(manifest)
    report = diff("net@1", folders[1] / "net.oxv.json")
    assert {(row.metric, row.subject) for row in report.regressions} == {
        ("latency", "tract"),
        ("size", "ONNX"),
    }
    assert report.a.model == "net@1"
    assert any("earlier file of the model" in note for note in report.notes)
    # A report of the one model against the other's manifest.
    file = written(tmp_path / "report.json", report_document(benchmark_of(measured("tract", 10.0))))
    assert not diff(file, "net").passed


def test_windows_are_drawn_as_told() -> None:
    """The made-up samples are as tight and as wide as their tests mean them to be."""
    from oxidizedvision.benchmark.statistics import interval_of_median

    low, high = interval_of_median(windows(10.0, 0.002, 1))
    assert high / low < 1.01
    low, high = interval_of_median(windows(10.0, 0.08, 1))
    assert high / low > 1.1


def test_false_alarms_are_rare_and_slowdowns_are_found() -> None:
    """Made-up processes that differ by one percent, a hundred times each."""
    from oxidizedvision.diff.judge import timed

    def alarms(slower: float) -> int:
        pairs = [
            (windows(10.0, 0.01, 2 * seed), windows(10.0 * slower, 0.01, 2 * seed + 1))
            for seed in range(100)
        ]
        return sum(timed(a, b, floor=0.03, k=2.0, same=0.01).beyond for a, b in pairs)

    assert alarms(1.0) == 0
    assert alarms(1.02) <= 5
    assert alarms(1.1) >= 98
