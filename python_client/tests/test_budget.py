"""A budget is kept when one candidate keeps every limit; what misses it is named with how much."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from made_report import report_of, row_of
from tiny_network import Artifact

from oxidizedvision.budget import (
    BudgetReport,
    Lever,
    budget_from,
    budget_of,
    check,
    check_packaged,
    check_shipped,
    failing_runners,
)
from oxidizedvision.config import BudgetConfig, load_config
from oxidizedvision.core.errors import ExitCode, Kind
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.core.results import to_plain


def row(runner: str, latency: float, size: int = 1_000_000, peak: float = 80.0, **more: Any) -> Any:
    interval = more.pop("interval", (latency * 0.99, latency * 1.01))
    return row_of(
        runner, latency, p50_interval_ms=interval, model_bytes=size, peak_rss_mib=peak, **more
    )


@pytest.mark.parametrize(
    ("limits", "kept", "candidate"),
    [
        ({"latency_ms": 6.0}, True, "fast"),
        ({"latency_ms": 4.0}, False, "fast"),
        ({"size_mb": 2.0}, True, "small"),
        ({"size_mb": 0.5}, False, "small"),
        # Each limit is kept by one of them, and none keeps both.
        ({"latency_ms": 6.0, "size_mb": 2.0}, False, "fast"),
        ({"latency_ms": 11.0, "size_mb": 2.0}, True, "small"),
        ({"latency_ms": 11.0, "size_mb": 4.0, "peak_mib": 90.0}, True, "fast"),
        ({"latency_ms": 11.0, "peak_mib": 79.0}, False, "fast"),
        ({"first_result_ms": 22.0}, True, "fast"),
        ({"first_result_ms": 21.9}, False, "fast"),
    ],
)
def test_one_candidate_must_keep_every_limit(
    limits: dict[str, float], candidate: str, *, kept: bool
) -> None:
    rows = (row("fast", 5.0, size=3_000_000), row("small", 10.0, size=1_000_000))
    report = check(BudgetConfig(**limits), report_of(*rows))
    assert (report.kept, report.candidate) == (kept, candidate)
    assert report.exit_code == (ExitCode.DONE if kept else ExitCode.CHECK_FAILED)
    assert candidate in report.words
    assert ("broken" in report.words) is not kept
    assert [figure.limit for figure in report.limits] == list(BudgetConfig(**limits).limits)


def test_the_best_row_of_each_limit_is_told() -> None:
    rows = (row("fast", 5.0, size=3_000_000), row("small", 10.0, size=1_000_000))
    report = check(BudgetConfig(latency_ms=6.0, size_mb=2.0), report_of(*rows))
    best = {figure.limit: (figure.candidate, figure.kept) for figure in report.limits}
    assert best == {"latency_ms": ("fast", True), "size_mb": ("small", True)}
    (missed,) = [figure for figure in report.figures if not figure.kept]
    assert (missed.limit, missed.value, missed.share) == ("size_mb", 3.0, 1.5)
    assert "size 3 MB is 1 MB (50.0 %) beyond the 2 MB allowed" in report.words


NOISE = [
    # median, its interval, kept, surely
    (9.0, (8.8, 9.2), True, True),
    (9.9, (9.7, 10.0), True, True),
    (9.9, (9.7, 10.1), True, False),
    (10.1, (9.9, 10.3), False, False),
    (10.1, (10.05, 10.3), False, False),
    (9.9, (0.0, float("inf")), True, False),
]


@pytest.mark.parametrize(("latency", "interval", "kept", "sure"), NOISE)
def test_the_median_decides_and_the_interval_makes_it_sure(
    latency: float, interval: tuple[float, float], *, kept: bool, sure: bool
) -> None:
    rows = report_of(row("tract", latency, interval=interval))
    report = check(BudgetConfig(latency_ms=10.0), rows)
    assert (report.kept, report.sure) == (kept, sure)
    (figure,) = report.figures
    expected = interval[1] > 10.0 if kept else interval[0] <= 10.0
    assert figure.within_noise is expected
    assert ("within its noise" in report.words) is expected
    assert ("surely kept" in report.words) is sure


def test_a_figure_that_nobody_knows_keeps_nothing() -> None:
    report = check(BudgetConfig(peak_mib=100.0), report_of(row("tract", 1.0, peak=float("nan"))))
    assert not report.kept
    assert "is not known" in report.words


def test_who_fails_its_validation_keeps_nothing() -> None:
    rows = report_of(row("wrong", 1.0), row("right", 5.0))
    report = check(BudgetConfig(latency_ms=3.0), rows, failing={"wrong"})
    assert (report.kept, report.candidate, report.left_out) == (False, "right", ("wrong",))
    nobody = check(BudgetConfig(latency_ms=3.0), rows, failing={"wrong", "right"})
    assert (nobody.kept, nobody.candidate) == (False, None)
    assert nobody.exit_code is ExitCode.CHECK_FAILED
    validation = {"results": [{"runner": "a", "passed": False}, {"runner": "b", "passed": True}]}
    assert failing_runners(validation) == {"a"}
    assert failing_runners(None) == frozenset()


def test_nothing_measured_keeps_nothing() -> None:
    assert not check(BudgetConfig(latency_ms=3.0), report_of()).kept


def test_what_is_shipped_is_what_counts() -> None:
    budget = BudgetConfig(latency_ms=6.0, size_mb=2.0)
    rows = report_of(row("rten", 5.0, size=1000), row("program", 7.0, size=1_900_000))
    with_program = {"runners": ("program", "rten"), "size": 1_900_000}
    assert not check_shipped(budget, rows, **with_program).kept
    # Without a row of the program its engine stands for it, with the program's size.
    alone = check_shipped(budget, report_of(row("rten", 5.0)), **with_program)
    assert (alone.kept, alone.candidate) == (True, "rten")
    assert [figure.value for figure in alone.figures] == [5.0, 1.9]
    assert not check_shipped(budget, rows, runners=("rten",), size=2_100_000).kept


def test_without_a_benchmark_the_size_alone_is_checked() -> None:
    budget = BudgetConfig(latency_ms=6.0, size_mb=2.0)
    report = check_shipped(budget, None, runners=("rten",), size=1_000_000)
    assert (report.kept, report.unchecked) == (True, ("latency_ms",))
    assert not check_shipped(budget, None, runners=("rten",), size=3_000_000).kept
    nothing = check_shipped(BudgetConfig(latency_ms=1.0), None, runners=("rten",), size=1)
    assert nothing.kept
    assert "could not be checked" in nothing.words


def test_a_package_is_held_to_a_benchmark_of_its_own_model(tiny: Artifact) -> None:
    budget = BudgetConfig(latency_ms=6.0)
    manifest = load_manifest(tiny.manifest)

    def checked(sha256: str) -> BudgetReport | None:
        document = to_plain(report_of(row("rten", 9.0), model_sha256=sha256))
        measured = manifest.model_copy(update={"benchmark": document})
        return check_packaged(budget, measured, "rten", tiny.onnx, 1000)

    own, other = checked(sha256_of(tiny.onnx)), checked("0" * 64)
    assert own is not None
    assert not own.kept
    assert other is not None
    assert other.unchecked == ("latency_ms",)
    assert check_packaged(BudgetConfig(), manifest, "rten", tiny.onnx, 1000) is None
    assert check_packaged(None, manifest, "rten", tiny.onnx, 1000) is None


@pytest.mark.parametrize(
    "document",
    [{}, {"results": 3}, {"results": [3, None]}, {"results": [{"runner": 1, "p50_ms": "fast"}]}],
)
def test_a_document_that_somebody_changed_keeps_nothing(document: dict[str, Any]) -> None:
    assert not check(BudgetConfig(latency_ms=3.0), document).kept


def test_it_survives_json(tmp_path: Path) -> None:
    levers = (Lever("fp16", "0.5 MB", helped=True),)
    budget = BudgetConfig(latency_ms=3.0, size_mb=0.1)
    report = check(budget, report_of(row("tract", 5.0)), levers=levers)
    assert budget_from(to_plain(report)) == report
    assert budget_from(None) is None
    with pytest.raises(ValueError, match="kept"):
        budget_from({"kept": "perhaps"})


def test_a_lever_keeps_no_budget_and_is_named() -> None:
    lever = Lever("mapping", "80 to 60 MiB", True, "ort, mmap", (), True, "map it")
    rows = report_of(row("ort", 5.0), row("ort", 2.0, name="ort, mmap", lever=True))
    report = check(BudgetConfig(latency_ms=3.0), rows, levers=(lever,))
    assert (report.kept, report.candidate, report.kept_with) == (False, "ort", "ort, mmap")
    assert report.exit_code is ExitCode.CHECK_FAILED
    assert report.words.endswith("It would be kept with ort, mmap: map it.")
    kept = check(BudgetConfig(latency_ms=6.0), rows, levers=(lever,))
    assert (kept.kept, kept.kept_with) == (True, None)
    nobody = check(BudgetConfig(latency_ms=1.0), rows)
    assert nobody.kept_with is None


def test_the_exit_code_comes_after_failures_and_missing_runners(tiny: Artifact) -> None:
    from oxidizedvision.benchmark.report import BenchmarkFailure
    from oxidizedvision.runners.target import Unavailable

    config = load_config(tiny.config).replaced("budget", latency_ms=1.0)
    assert budget_of(load_config(tiny.config), None, report_of()) is None
    slow = report_of(row("tract", 5.0))
    report = dataclasses.replace(slow, budget=budget_of(config, load_manifest(tiny.manifest), slow))
    assert report.exit_code is ExitCode.CHECK_FAILED
    missing = (Unavailable("tch", "not_built", "Build it."),)
    assert dataclasses.replace(report, unavailable=missing).exit_code is ExitCode.MISSING_PART
    failed = (BenchmarkFailure("tch", Kind.CORRUPT, "", ""),)
    assert dataclasses.replace(report, failures=failed).exit_code is ExitCode.BAD_INPUT
    skipped = dataclasses.replace(report, unavailable=missing, skip_unavailable=True)
    assert skipped.exit_code is ExitCode.CHECK_FAILED


def test_benchmark_obeys_the_config(tiny: Artifact) -> None:
    from oxidizedvision import BenchmarkOptions, benchmark

    config = load_config(tiny.config).replaced("budget", size_mb=1e-6)
    options = BenchmarkOptions(iters=2, warmup_iters=1, processes=1, threads=1, levers=False)
    report = benchmark(config, runners=["onnxruntime"], options=options)
    assert report.budget is not None
    assert (report.budget.candidate, report.exit_code) == ("onnxruntime", ExitCode.CHECK_FAILED)
    stored = load_manifest(tiny.manifest).benchmark
    assert stored is not None
    assert budget_from(stored["budget"]) == report.budget


def test_package_obeys_the_config_and_writes_its_files(tiny: Artifact) -> None:
    from oxidizedvision import package

    text = tiny.config.read_text()
    crate = tiny.folder / "crate"
    tiny.config.write_text(f"{text}budget: {{size_mb: 1.0e-6}}\n")
    result = package(tiny.config, engine="rten", output=crate)
    assert result.budget is not None
    assert result.budget.exit_code is ExitCode.CHECK_FAILED
    assert (crate / "Cargo.toml").is_file()
    tiny.config.write_text(f"{text}budget: {{size_mb: 50}}\n")
    kept = package(tiny.config, engine="rten", output=crate).budget
    assert kept is not None
    assert kept.kept
    tiny.config.write_text(text)
    assert package(tiny.config, engine="rten", output=crate).budget is None
