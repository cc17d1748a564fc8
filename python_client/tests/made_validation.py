"""Validation reports with figures that were made up, for what shows them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from oxidizedvision.runners.target import Unavailable
from oxidizedvision.validate import (
    DataReport,
    DataResult,
    IntegrityResult,
    UnreadPicture,
    ValidationReport,
    ValidationResult,
)
from oxidizedvision.validate.compare import WorstValue

LIMITS = {"mae": 1e-5, "cos_sim": 0.999}


def result_of(runner: str, **known: Any) -> ValidationResult:
    """A row that passed."""
    figures: dict[str, Any] = {
        "engine_version": "1.2",
        "output": "output",
        "cases": 4,
        "worst_case": "random-0",
        "mae": 1e-7,
        "rmse": 2e-7,
        "max_error": 1e-6,
        "cosine_similarity": 1.0,
        "passed": True,
        "reason": "",
        "sqnr_db": 130.0,
        "psnr_db": 140.0,
        "worst_value": WorstValue((0, 2, 5), 1.5, 1.500001, "random-0"),
        "limits": LIMITS,
    }
    return ValidationResult(runner=runner, **{**figures, **known})


def failed_of(runner: str, reason: str, **known: Any) -> ValidationResult:
    """A row of an output that could not be compared."""
    unknown = dict.fromkeys(("mae", "rmse", "max_error", "cosine_similarity"), math.nan)
    nothing = dict.fromkeys(("sqnr_db", "psnr_db", "worst_value"))
    return result_of(runner, passed=False, reason=reason, **{**unknown, **nothing, **known})


def report_of(*rows: ValidationResult, **known: Any) -> ValidationReport:
    """A report on rows, whose files are whole."""
    empty = ValidationReport(
        passed=all(row.passed for row in rows),
        model="net",
        reference="pytorch",
        tolerance_mae=1e-5,
        tolerance_cos_sim=0.999,
        seed=0,
        results=rows,
        unavailable=(),
        integrity=(IntegrityResult("net.onnx", True, ""),),
        limits={"fp32": LIMITS},
        seconds={row.runner: 1.5 for row in rows},
    )
    return dataclasses.replace(empty, **known)


def data_of(**known: Any) -> DataReport:
    """Accuracy of PyTorch and of an INT8 file that fell too far; one picture was not read."""
    pytorch = DataResult(
        "pytorch", "config.yml", "fp32", 200, 0.925, 0.99, None, None, None, True, ""
    )
    small = dataclasses.replace(
        pytorch, runner="rten", file="net.int8.onnx", precision="int8", top1=0.90, agreement=0.95,
        drop=0.025, passed=False, reason="top-1 accuracy 0.9000 is 0.0250 below",
    )  # fmt: skip
    whole = DataReport(
        folder="pictures",
        truth="labels",
        classes_by="postprocess.labels",
        pictures=200,
        unread=(UnreadPicture("cat/broken.png", "not a picture"),),
        max_drop=0.01,
        results=(pytorch, small),
    )
    return dataclasses.replace(whole, **known)


def full_report(**known: Any) -> ValidationReport:
    """What can be in a report: several precisions, a failure, files, runners that are not here."""
    rows = (
        result_of("pytorch", mae=0.0, max_error=0.0, sqnr_db=math.inf, psnr_db=math.inf),
        result_of("rten", precision="int8", limits={"cos_sim": 0.99}, top1=0.99996, top5=1.0),
        failed_of("tract", "random-0: 3 of 9 values are <NaN> & more", output="b"),
    )
    more: dict[str, Any] = {
        "limits": {"fp32": LIMITS, "int8": {"cos_sim": 0.99}},
        "unavailable": (Unavailable("tch", "not_built", "Build it."),),
        "integrity": (
            IntegrityResult("net.onnx", True, ""),
            IntegrityResult("net.pt", False, "SHA-256 is other"),
        ),
        "data": data_of(),
    }
    return report_of(*rows, **{**more, **known})
