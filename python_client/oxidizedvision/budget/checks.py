"""Hold the rows of a benchmark against a budget."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.budget.report import BudgetFigure, BudgetReport, Lever, Plain
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.results import to_plain

if TYPE_CHECKING:
    from oxidizedvision.benchmark.report import BenchmarkReport, BenchmarkResult
    from oxidizedvision.config import BudgetConfig, Config
    from oxidizedvision.core.manifest import Manifest

Interval = tuple[float, float]

BYTES_OF_MB = 1_000_000


@dataclass(frozen=True)
class _Candidate:
    name: str
    values: Mapping[str, float | None]
    latency_interval: Interval | None


def check(
    budget: BudgetConfig,
    report: BenchmarkReport | Plain,
    *,
    failing: Collection[str] = (),
    levers: Sequence[Lever] = (),
) -> BudgetReport:
    """Hold every row of a benchmark against a budget.

    Rows of levers are what could be, so they keep no budget; one that would is named.

    Args:
        budget: The limits; those that are None are none.
        report: The benchmark, or its document.
        failing: Runners that failed their validation: their rows keep no budget.
        levers: What was tried to keep it.
    """
    rows = [row for row in _rows(report) if row.get("runner") not in failing]
    left_out = [_name(row) for row in _rows(report) if row.get("runner") in failing]
    found = [_candidate(row) for row in rows if not row.get("lever")]
    held = _checked(budget, found, left_out, levers)
    could = _checked(budget, [_candidate(row) for row in rows if row.get("lever")], (), ())
    if held.kept or not could.kept:
        return held
    return replace(held, kept_with=could.candidate)


def keeps(budget: BudgetConfig, row: BenchmarkResult) -> bool:
    """Whether a row, that of a lever too, keeps every limit."""
    return _checked(budget, [_candidate(to_plain(row))], (), ()).kept


def figures_of(row: BenchmarkResult) -> Mapping[str, float | None]:
    """The figures of a row that a budget can limit, by the limit's key in the config."""
    return _candidate(to_plain(row)).values


def check_shipped(
    budget: BudgetConfig,
    report: BenchmarkReport | Plain | None,
    *,
    runners: Sequence[str],
    size: int,
    failing: Collection[str] = (),
) -> BudgetReport:
    """Hold what is shipped against a budget: one file, with the figures of its runner.

    Args:
        budget: The limits.
        report: A benchmark of this model; None where there is none, and the size alone is checked.
        runners: Who stands for what is shipped; the first that was measured does.
        size: Bytes of the model, or of the program.
        failing: Runners that failed their validation.
    """
    rows = [row for row in _rows(report or {}) if not row.get("lever")]
    for runner in runners:
        own = [{**row, "model_bytes": size} for row in rows if row.get("runner") == runner]
        if own:
            return check(budget, {"results": own}, failing=failing)
    sized = {"name": runners[-1], "runner": runners[-1], "model_bytes": size}
    return _checked(budget, [_candidate(sized)], (), (), only=("size_mb",))


def check_packaged(
    budget: BudgetConfig | None, manifest: Manifest, engine: str, model: Path, size: int
) -> BudgetReport | None:
    """Hold a package against a budget, by the manifest's last benchmark of this very model.

    Without one the size alone is checked. None where nothing is limited.

    Args:
        budget: The limits.
        manifest: Of the model.
        engine: What the package is made with.
        model: The file that is packaged.
        size: Bytes of the program where one was built, else of the model.
    """
    if budget is None or not budget.limits:
        return None
    report = manifest.benchmark
    if report is not None and report.get("model_sha256") != sha256_of(model):
        report = None
    failing = failing_runners(manifest.validation)
    return check_shipped(budget, report, runners=(engine,), size=size, failing=failing)


def budget_of(
    config: Config | None, manifest: Manifest | None, report: BenchmarkReport | Plain
) -> BudgetReport | None:
    """The budget of a config against a benchmark; None where it limits nothing.

    Runners that failed the manifest's last validation keep no budget.
    """
    if config is None or not config.budget.limits:
        return None
    validation = manifest.validation if manifest else None
    return check(config.budget, report, failing=failing_runners(validation))


def failing_runners(validation: Plain | None) -> frozenset[str]:
    """The runners that a validation found wrong."""
    rows = _rows(validation or {})
    return frozenset(str(row.get("runner")) for row in rows if not row.get("passed", True))


def _checked(
    budget: BudgetConfig,
    candidates: Sequence[_Candidate],
    left_out: Sequence[str],
    levers: Sequence[Lever],
    *,
    only: Collection[str] | None = None,
) -> BudgetReport:
    limits = {k: v for k, v in budget.limits.items() if only is None or k in only}
    unchecked = tuple(name for name in budget.limits if name not in limits)
    nearest = min(candidates, key=lambda c: _worst_share(c, limits), default=None)
    figures = _figures(nearest, limits) if nearest else ()
    return BudgetReport(
        kept=nearest is not None and all(figure.kept for figure in figures),
        candidate=nearest.name if nearest else None,
        limits=tuple(
            min(
                (_figure(candidate, name, allowed) for candidate in candidates),
                key=_share,
            )
            for name, allowed in limits.items()
            if candidates
        ),
        figures=figures,
        unchecked=unchecked,
        left_out=tuple(left_out),
        levers=tuple(levers),
    )


def _figures(candidate: _Candidate, limits: Mapping[str, float]) -> tuple[BudgetFigure, ...]:
    return tuple(_figure(candidate, name, allowed) for name, allowed in limits.items())


def _figure(candidate: _Candidate, name: str, allowed: float) -> BudgetFigure:
    value = candidate.values[name]
    kept = value is not None and value <= allowed
    noisy = False
    if name == "latency_ms" and value is not None:
        low, high = candidate.latency_interval or (0.0, math.inf)
        noisy = high > allowed if kept else low <= allowed
    return BudgetFigure(
        limit=name,
        allowed=allowed,
        candidate=candidate.name,
        value=value,
        kept=kept,
        within_noise=noisy,
        share=None if value is None else value / allowed,
    )


def _worst_share(candidate: _Candidate, limits: Mapping[str, float]) -> float:
    return max((_share(figure) for figure in _figures(candidate, limits)), default=0.0)


def _share(figure: BudgetFigure) -> float:
    return math.inf if figure.share is None else figure.share


def _rows(report: BenchmarkReport | Plain) -> list[Plain]:
    """The rows of a document that anybody may have changed."""
    rows = to_plain(report).get("results")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _name(row: Plain) -> str:
    return str(row.get("name") or row.get("runner"))


def _candidate(row: Plain) -> _Candidate:
    size = _number(row.get("model_bytes"))
    return _Candidate(
        name=_name(row),
        values={
            "latency_ms": _number(row.get("p50_ms")),
            "first_result_ms": _first_result(row),
            "size_mb": None if size is None else size / BYTES_OF_MB,
            "peak_mib": _number(row.get("peak_rss_mib")),
        },
        latency_interval=_interval(row.get("p50_interval_ms")),
    )


def _first_result(row: Plain) -> float | None:
    """As measured; reports of before tell its two parts."""
    whole = _number(row.get("first_result_ms"))
    load, first = _number(row.get("load_ms")), _number(row.get("first_ms"))
    return load + first if whole is None and load is not None and first is not None else whole


def _interval(ends: Any) -> Interval | None:
    if not isinstance(ends, list) or len(ends) != 2:
        return None
    low, high = (_number(end) for end in ends)
    return None if low is None or high is None else (low, high)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
