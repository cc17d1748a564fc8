"""What `validate` found as tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from oxidizedvision.benchmark.tables import TextTable
from oxidizedvision.core.text import counted
from oxidizedvision.validate.compare import WorstValue
from oxidizedvision.validate.data import DataReport, DataResult
from oxidizedvision.validate.report import ValidationReport, ValidationResult

_UNKNOWN = "–"
_SHARES = {"top1": "top-1", "top5": "top-5", "iou": "IoU"}
_LIMITS = {
    "mae": "MAE at most {:g}",
    "cos_sim": "cosine at least {:g}",
    "max_error": "largest error at most {:g}",
    "sqnr_db": "SQNR at least {:g} dB",
    "psnr_db": "PSNR at least {:g} dB",
    "top1": "top-1 agreement at least {:g}",
    "top5": "top-5 agreement at least {:g}",
    "iou": "mask IoU at least {:g}",
}


def parity_table(report: ValidationReport, *, places: bool = False) -> TextTable:
    """Every output of every runner; shares only where some output has them.

    Args:
        report: What was found.
        places: Whether to add where the largest difference is.
    """
    rows = report.results
    shares = [name for name in _SHARES if any(getattr(row, name) is not None for row in rows)]
    precision = any(row.precision != "fp32" for row in rows)
    columns = [
        *("runner", "version", *(("precision",) if precision else ()), "output", "result"),
        *("cases", "MAE", "RMSE", "max", "cosine", "SQNR dB", "PSNR dB"),
        *(_SHARES[name] for name in shares),
        *(("largest difference at",) if places else ()),
    ]
    cells = []
    for row in rows:
        cell = [row.runner, row.engine_version, *((row.precision,) if precision else ())]
        cell += [row.output, "pass" if row.passed else "FAIL", *_figures(row)]
        cell += [share_text(getattr(row, name)) for name in shares]
        cells.append([*cell, *((_place(row.worst_value),) if places else ())])
    return TextTable(report.model, columns, cells, numbers_from=5 if precision else 4)


def _figures(row: ValidationResult) -> list[str]:
    return [
        str(row.cases),
        *(number_text(value) for value in (row.mae, row.rmse, row.max_error)),
        number_text(row.cosine_similarity, ".6f"),
        *(number_text(value, ".1f") for value in (row.sqnr_db, row.psnr_db)),
    ]


def _place(value: WorstValue | None) -> str:
    return _UNKNOWN if value is None else str(value)


def failures(report: ValidationReport) -> list[str]:
    """Why each row and each file failed."""
    rows = [f"{row.runner}, {row.output}: {row.reason}" for row in report.results if not row.passed]
    files = [f"{row.file}: {row.reason}" for row in report.integrity if not row.passed]
    data = report.data.results if report.data else ()
    return [*rows, *files, *(f"{row.name}: {row.reason}" for row in data if not row.passed)]


def data_table(data: DataReport) -> TextTable:
    """Accuracy of every file in every runner."""
    rows = data.results
    shares = [name for name in _SHARES if any(getattr(row, name) is not None for row in rows)]
    columns = ("runner", "file", "precision", "result", "pictures")
    more = (*(_SHARES[name] for name in shares), "as PyTorch", "drop")
    cells = [
        [*_named(row), *(share_text(getattr(row, name)) for name in shares), *_against(row)]
        for row in rows
    ]
    return TextTable(f"{data.folder}, {data.truth}", (*columns, *more), cells, numbers_from=4)


def _named(row: DataResult) -> list[str]:
    result = "pass" if row.passed else "FAIL"
    return [row.runner, row.file, row.precision, result, str(row.pictures)]


def _against(row: DataResult) -> list[str]:
    return [share_text(row.agreement), number_text(row.drop, "+.4f")]


def data_sentences(data: DataReport) -> list[str]:
    """Which pictures count, what their classes stand for, and what was not read."""
    told = [f"{counted(data.pictures, 'picture')} count; classes by {data.classes_by}"]
    if data.max_drop is not None:
        told.append(f"accuracy may fall {data.max_drop:g} below PyTorch's")
    return ["; ".join(told), *(f"not counted: {row.file}: {row.reason}" for row in data.unread)]


def limits_text(report: ValidationReport) -> str:
    """What counted as equal: by precision where there are several, and what has its own limits."""
    limits: Mapping[str, Mapping[str, float]] = report.limits or {
        "fp32": {"mae": report.tolerance_mae, "cos_sim": report.tolerance_cos_sim}
    }
    only_fp32 = list(limits) == ["fp32"]
    parts = [
        _in_words(row) if only_fp32 else f"{name} {_in_words(row)}" for name, row in limits.items()
    ]
    own = [r for r in report.results if report.limits and r.limits != limits.get(r.precision)]
    parts += [f"{row.runner}, {row.output} {_in_words(row.limits)}" for row in own]
    return "; ".join(parts)


def _in_words(limits: Mapping[str, float]) -> str:
    told = [words.format(limits[name]) for name, words in _LIMITS.items() if name in limits]
    return ", ".join(told) or "without limits"


def number_text(value: float | None, form: str = ".3g") -> str:
    """A measured number; a dash where there is none."""
    if value is None or math.isnan(value):
        return _UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return format(value, form)


def share_text(value: float | None) -> str:
    """A share of 0 to 1, which rounds to 1 only where it is 1."""
    if value is None:
        return _UNKNOWN
    return f"{value:.4f}" if value >= 1 else f"{math.floor(value * 1e4) / 1e4:.4f}"


def verdict_text(report: ValidationReport) -> str:
    """Whether what was compared passed, by what limits, and who was not there to be compared."""
    verdict = "passed" if report.passed else "FAILED"
    verdict = verdict if report.results else "nothing was compared"
    limits = limits_text(report)
    absent: Sequence[str] = [row.name for row in report.unavailable]
    if not absent:
        return f"{verdict}: {limits}"
    count = "1 runner" if len(absent) == 1 else f"{len(absent)} runners"
    link = "but" if report.passed else "and"
    return f"{verdict}, {link} {count} did not run: {', '.join(absent)} ({limits})"
