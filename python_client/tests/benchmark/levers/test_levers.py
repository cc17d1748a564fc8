"""Levers: what is tried, on what grounds it is refused, and what it does to the budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from made_report import report_of, row_of
from tiny_network import Artifact

from oxidizedvision.benchmark import BenchmarkOptions, benchmark
from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.levers import making, try_levers
from oxidizedvision.benchmark.levers.outcome import FLOORS, Tried, lever_of
from oxidizedvision.benchmark.levers.tries import Try, find_tries
from oxidizedvision.benchmark.plan import Settings, settings
from oxidizedvision.benchmark.reading import report_from
from oxidizedvision.benchmark.report import BenchmarkFailure, BenchmarkReport
from oxidizedvision.budget import check, check_shipped
from oxidizedvision.config import BudgetConfig
from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import ExitCode, Kind
from oxidizedvision.core.results import silent, to_plain
from oxidizedvision.runners import availability, prepared
from oxidizedvision.runners.target import Target, resolve

READY = [engine.name for engine in NATIVE_ENGINES if availability(engine.name).ready]
pytestmark = pytest.mark.skipif(
    not {"tract", "rten", "ort"} <= set(READY), reason="`make native` builds them"
)

PLAIN = Candidate("ort", 4, 1)
TRY = Try(
    "ort, prepared", dataclasses.replace(PLAIN, variant="prepared"), PLAIN, "prepare it", "ort"
)


def chosen(**more: Any) -> Settings:
    return settings(BenchmarkOptions(threads=2, processes=2, iters=2, **more), None)


class Measure:
    """Stands for `measured`: made-up rows, by name."""

    def __init__(
        self, figures: Mapping[str, Mapping[str, Any]], failed: Sequence[str] = ()
    ) -> None:
        self.figures = figures
        self.failed = failed
        self.models: dict[str, str | None] = {}
        self.settings: Settings | None = None

    def __call__(
        self,
        where: Target,
        candidates: Sequence[Candidate],
        settings: Settings,
        *,
        labels: Sequence[str] | None = None,
        notify: object = silent,
    ) -> BenchmarkReport:
        del where, notify
        assert labels is not None
        self.settings = settings
        self.models = {label: it.model for label, it in zip(labels, candidates, strict=True)}
        assert all(Path(model).is_file() for model in self.models.values() if model)
        rows = [
            row_of(it.runner, name=label, threads=it.threads, **self.figures.get(label, {}))
            for label, it in zip(labels, candidates, strict=True)
            if label not in self.failed
        ]
        failures = [BenchmarkFailure(name, Kind.CORRUPT, "it broke", "") for name in self.failed]
        return report_of(*rows, failures=tuple(failures))


def names_of(tries: Sequence[Try]) -> list[tuple[str, str, int]]:
    return [(it.candidate.runner, it.candidate.variant, it.candidate.threads) for it in tries]


def test_what_there_is_to_try(tiny: Artifact) -> None:
    where = resolve(tiny.manifest)
    found = names_of(find_tries(where, [PLAIN, Candidate("pytorch", 4, 1)], PLAIN))
    others = {name for name, variant, threads in found if not variant and threads == 4}
    assert others == {"onnxruntime", *READY} - {"ort", "tensorrt"}
    assert [(name, variant) for name, variant, _ in found if variant] == [
        ("ort", "prepared"),
        ("ort", "prepared, mmap"),
        ("tract", "prepared"),
        ("rten", "prepared"),
        ("rten", "prepared, mmap"),
    ]
    assert [row for row in found if row[2] == 1] == [("ort", "", 1)]


def test_what_would_say_nothing_new_is_not_tried(tiny: Artifact) -> None:
    where = resolve(tiny.manifest)
    one = Candidate("ort", 1, 1)
    assert {row[2] for row in names_of(find_tries(where, [one], one))} == {1}
    both = [PLAIN, one]
    assert all(row[2] == 4 for row in names_of(find_tries(where, both, PLAIN)))
    failing = names_of(find_tries(where, [PLAIN], PLAIN, failing={"ort", "rten"}))
    assert not {"ort", "rten"} & {name for name, _, _ in failing}
    cuda = names_of(find_tries(where, [PLAIN], PLAIN, device="cuda"))
    assert not [row for row in cuda if row[1]]
    tract = Candidate("tract", 4, 1)
    assert ("tract", "", 1) not in names_of(find_tries(where, [tract], tract))


@pytest.mark.parametrize("limit", list(FLOORS))
@pytest.mark.parametrize(("share", "helped"), [(0.5, True), (0.995, False), (1.2, False)])
def test_a_figure_must_fall_by_more_than_its_floor(
    limit: str, share: float, *, helped: bool
) -> None:
    def row(factor: float) -> Any:
        return row_of(
            "ort",
            10.0 * factor,
            first_result_ms=30.0 * factor,
            model_bytes=round(1_000_000 * factor),
            peak_rss_mib=80.0 * factor,
        )

    nothing = dict.fromkeys(FLOORS)
    before, after = row(1.0), row(share)
    limits = BudgetConfig(**{**nothing, limit: 0.001})
    budget = check(limits, report_of(before))
    lever = lever_of(Tried(TRY, after, before), budget, limits)
    assert [figure.limit for figure in lever.figures] == [limit]
    assert (lever.helped, lever.keeps) == (helped, False)
    assert ("did not help" in lever.words) is not helped
    everything = lever_of(Tried(TRY, after, before), None, None)
    assert [figure.limit for figure in everything.figures] == list(FLOORS)


def test_what_is_refused_says_why() -> None:
    lever = lever_of(Tried(TRY, None, row_of("ort"), "it differs"), None, None)
    assert (lever.helped, lever.keeps, lever.refused) == (False, False, "it differs")
    assert "refused, it differs" in lever.words


def broken(limits: BudgetConfig) -> BenchmarkReport:
    report = report_of(row_of("ort", 10.0), row_of("rten", 12.0, versus=(0.8, "slower")))
    report = dataclasses.replace(report, noise=None)
    return dataclasses.replace(report, budget=check(limits, report))


@pytest.fixture
def tried(tiny: Artifact) -> Any:
    """The levers of the tiny network, with made-up figures."""

    def work(measure: Measure, limits: BudgetConfig) -> BenchmarkReport:
        where = resolve(tiny.manifest)
        candidates = [Candidate("ort", 2, 1), Candidate("rten", 2, 1)]
        report = try_levers(
            where, broken(limits), candidates, chosen(), measure=measure, limits=limits
        )
        budget = check(limits, report, levers=report.levers)
        return dataclasses.replace(report, budget=budget)

    return work


def test_a_budget_that_a_lever_keeps_is_broken_and_the_lever_is_named(tried: Any) -> None:
    measure = Measure({"ort, prepared": {"p50_ms": 3.0}, "rten": {"p50_ms": 11.0}})
    report = tried(measure, BudgetConfig(latency_ms=5.0))
    budget = report.budget
    assert budget is not None
    assert (budget.kept, budget.candidate) == (False, "ort")
    assert (budget.kept_with, report.exit_code) == ("ort, prepared", ExitCode.CHECK_FAILED)
    assert "It would be kept with ort, prepared: `oxidizedvision prepare" in budget.words
    keeping = [lever for lever in report.levers if lever.keeps]
    assert [lever.candidate for lever in keeping] == ["ort, prepared"]
    assert "--runner ort`, then load(" in keeping[0].how
    assert "latency 10 to 3 ms" in keeping[0].figure
    assert budget.levers == report.levers
    # Files of prepared models were there while they were measured, and only then.
    models = [model for model in measure.models.values() if model]
    assert len(models) == 5
    assert not any(Path(model).exists() for model in models)


def test_levers_are_marked_rows_beside_what_is_configured(tried: Any) -> None:
    measure = Measure({}, failed=["tract"])
    report = tried(measure, BudgetConfig(latency_ms=5.0))
    plain = [row.name for row in report.results if not row.lever]
    assert plain == ["ort", "rten"]
    marked = {row.name: row.variant for row in report.results if row.lever}
    assert marked["ort, prepared, mmap"] == "prepared, mmap"
    assert marked["ort, 1 thread"] == ""
    assert "tract" not in marked
    assert report.failures == ()
    assert [lever.refused for lever in report.levers if lever.refused] == ["it broke"]
    # The reference and the rows that levers are compared with are measured beside them.
    assert {"ort", "rten"} <= set(measure.models)
    assert measure.settings is not None
    assert measure.settings.plan.most_processes <= 3
    assert report.budget is not None
    assert report.budget.kept_with is None
    assert report_from(to_plain(report)).levers == report.levers


@pytest.mark.parametrize("engine", ["ort", "tract"])
def test_a_prepared_model_that_differs_is_refused(
    tried: Any, pair: Artifact, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    right = prepared.prepare_apart

    def planted(runner: str, model: Path, out: Path, **more: Any) -> prepared.PreparedModel:
        return right(runner, pair.onnx if runner == engine else model, out, **more)

    monkeypatch.setattr(making, "prepare_apart", planted)
    measure = Measure({})
    report = tried(measure, BudgetConfig(latency_ms=5.0))
    refused = [lever for lever in report.levers if lever.refused]
    assert {lever.tried.split()[0] for lever in refused} == {engine}
    assert all("output" in lever.refused for lever in refused)
    assert not [name for name in measure.models if name.startswith(f"{engine}, prepared")]
    assert "rten, prepared" in measure.models


def test_what_a_lever_shows_is_not_what_is_shipped() -> None:
    rows = report_of(row_of("rten", 9.0), row_of("rten", 1.0, name="rten, prepared", lever=True))
    budget = check_shipped(BudgetConfig(latency_ms=5.0), rows, runners=("rten",), size=1)
    assert (budget.kept, budget.kept_with) == (False, None)
    only = report_of(row_of("rten", 1.0, lever=True))
    assert not check(BudgetConfig(latency_ms=5.0), only).kept


@pytest.mark.parametrize(
    ("levers", "limit", "wanted"),
    [(None, 1e-6, True), (None, 1e6, False), (False, 1e-6, False), (True, 1e6, True)],
)
def test_when_levers_are_tried(
    tiny: Artifact,
    monkeypatch: pytest.MonkeyPatch,
    levers: bool | None,
    limit: float,
    *,
    wanted: bool,
) -> None:
    asked = []

    def stub(where: Target, report: BenchmarkReport, *_: object, **__: object) -> BenchmarkReport:
        asked.append(where)
        return report

    monkeypatch.setattr(import_module("oxidizedvision.benchmark.verb"), "try_levers", stub)
    options = BenchmarkOptions(iters=1, warmup_iters=1, processes=1, threads=1, levers=levers)
    limits = BudgetConfig(latency_ms=limit)
    benchmark(tiny.manifest, runners=["rten"], options=options, budget=limits)
    assert bool(asked) is wanted


def test_without_a_budget_they_are_told_all_the_same(tiny: Artifact) -> None:
    options = BenchmarkOptions(iters=1, warmup_iters=1, processes=1, threads=1, levers=True)
    report = benchmark(tiny.manifest, runners=["rten"], options=options)
    assert report.budget is None
    assert report.exit_code is ExitCode.DONE
    assert not [lever for lever in report.levers if lever.refused]
    rows = {row.name: row for row in report.results if row.lever}
    assert rows["ort, prepared"].model_bytes != rows["ort"].model_bytes
    assert {lever.candidate for lever in report.levers} == set(rows)
