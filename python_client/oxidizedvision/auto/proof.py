"""Who gives what PyTorch gives: only they can be chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oxidizedvision.auto.forms import Entrant, Form, prove_smaller
from oxidizedvision.auto.report import Dropped
from oxidizedvision.config import Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import Manifest
from oxidizedvision.core.results import Notify, to_plain
from oxidizedvision.runners.target import Target
from oxidizedvision.validate import validate
from oxidizedvision.validate.integrity import check_integrity

UNPROVED = (
    "no manifest lists the model, so no engine was compared with PyTorch, and the choice cannot be "
    "kept"
)


@dataclass(frozen=True)
class Proof:
    """Who passed, who did not with the reason, and what the reader should know."""

    passed: tuple[Entrant, ...]
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()


def prove(
    target: str | Path | Config,
    where: Target,
    forms: Sequence[Form],
    versions: Mapping[str, str],
    files: Mapping[str, str],
    device: str | None,
    notify: Notify,
) -> Proof:
    """Validate engines, or take the last validation where it is about the same.

    Smaller precisions are compared on the goldens, by the limits of their precision.

    Args:
        target: What was given.
        where: What it stands for; its model is the first form.
        forms: The files of the model.
        versions: The engines, with their versions.
        files: SHA-256 of the files of the first form by name.
        device: As in the options.
        notify: Told what is being checked.

    Raises:
        OxidizedVisionError: `check_failed` for a file that is not the one that the manifest lists,
            and whatever keeps `validate` from comparing.
    """
    first = forms[0]
    if where.manifest is None:
        return Proof(tuple(Entrant(name, first) for name in versions), notes=(UNPROVED,))
    check_files(where, where.manifest)
    last = where.manifest.validation
    if last is not None and _covers(last, versions, files, tolerance_of(where)):
        rows: list[Any] = last["results"]
    else:
        rows = _validated(_subject(target, where), list(versions), notify)
    failed = failures_in(rows)
    judged = {row["runner"] for row in rows}
    notify("checking smaller precisions")
    smaller, differing = prove_smaller(where, forms[1:], list(versions), device)
    passed = [name for name in versions if name in judged and name not in failed]
    return Proof(
        passed=(*(Entrant(name, first) for name in passed), *smaller),
        dropped=(
            *(
                Dropped(name, name, failed.get(name, "there was nothing to compare it on"))
                for name in versions
                if name not in passed
            ),
            *differing,
        ),
    )


def _validated(subject: str | Path | Config, engines: list[str], notify: Notify) -> list[Any]:
    """The rows of a validation; an engine that is not here after all has failed."""
    report = to_plain(validate(subject, runners=engines, skip_unavailable=True, notify=notify))
    absent = [
        {"runner": row["name"], "passed": False, "reason": row["hint"], "output": ""}
        for row in report["unavailable"]
    ]
    return [*report["results"], *absent]


def check_files(where: Target, manifest: Manifest) -> None:
    """Refuse files that are not those that were proved.

    Raises:
        OxidizedVisionError: `check_failed`.
    """
    for row in check_integrity(manifest, where.folder):
        if not row.passed:
            raise OxidizedVisionError(
                Kind.CHECK_FAILED,
                f"Nothing is chosen for {where.name}: {row.file} is not the file that was "
                f"converted: {row.reason}",
                "Run `oxidizedvision convert` again.",
            )


def tolerance_of(where: Target) -> tuple[float, float] | None:
    """What counts as equal: mean absolute error and cosine similarity, as `validate` takes them."""
    if where.config is not None:
        return where.config.validation.fp32_limits
    if where.manifest is None:
        return None
    return where.manifest.tolerance.mae, where.manifest.tolerance.cosine_similarity


def failures_in(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By engine, why it failed; the first reason of several outputs."""
    failed: dict[str, str] = {}
    for row in rows:
        if not row["passed"]:
            place = f"output {row['output']}: " if row.get("output") else ""
            failed.setdefault(row["runner"], f"validation failed: {place}{row['reason']}")
    return failed


def failed_since(validation: Mapping[str, Any] | None, files: Mapping[str, str]) -> dict[str, str]:
    """Engines that the last validation of the same files found to differ."""
    if not validation or not _same_files(validation, files):
        return {}
    return failures_in(validation.get("results", []))


def _covers(
    last: Mapping[str, Any],
    versions: Mapping[str, str],
    files: Mapping[str, str],
    tolerance: tuple[float, float] | None,
) -> bool:
    """Whether a validation was of these files and engines, and at least as strict."""
    if not _same_files(last, files) or tolerance is None:
        return False
    if last["tolerance_mae"] > tolerance[0] or last["tolerance_cos_sim"] < tolerance[1]:
        return False
    rows = last["results"]
    return all(
        any(
            row["runner"] == name and row["engine_version"] == version and row["cases"]
            for row in rows
        )
        for name, version in versions.items()
    )


def _same_files(validation: Mapping[str, Any], files: Mapping[str, str]) -> bool:
    recorded = validation.get("files") or {}
    return all(recorded.get(name) == sha256 for name, sha256 in files.items())


def _subject(target: str | Path | Config, where: Target) -> str | Path | Config:
    """What is validated: the first form's file where the newest one is another.

    The goldens stand in for the network there, and where PyTorch is not here to run it.
    """
    if where.manifest is not None and where.manifest.head("onnx").file != where.model.name:
        return where.model
    if where.config is not None and where.missing("pytorch") and where.manifest_path:
        return where.manifest_path
    return target
