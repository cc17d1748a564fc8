"""`validate`: load every runner, run every case, compare with PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from oxidizedvision.config import Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import Manifest, update_manifest
from oxidizedvision.core.results import Notify, silent, to_plain
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.target import Target, Unavailable, resolve
from oxidizedvision.validate.cases import CaseOptions
from oxidizedvision.validate.checks import Reference, check_runner, make_reference
from oxidizedvision.validate.compare import Tolerances
from oxidizedvision.validate.integrity import check_integrity
from oxidizedvision.validate.report import (
    IntegrityResult,
    ValidationReport,
    ValidationResult,
    all_passed,
)


def validate(
    target: str | Path | Config,
    *,
    runners: Sequence[str] | None = None,
    num_tests: int | None = None,
    pictures: Sequence[str | Path] = (),
    program: str | Path | None = None,
    skip_unavailable: bool = False,
    seed: int = 0,
    notify: Notify = silent,
) -> ValidationReport:
    """Compare runners with PyTorch, output by output, and check the model's files.

    The reference is the live network where `target` is a config, and the goldens where it is a
    manifest or an ONNX file that a manifest lists. A runner that is here and cannot load or run
    the model has failed. The summary is written into the manifest.

    Args:
        target: A config or its path, a manifest, or a converted .onnx file.
        runners: Names; None means the config's and the references, or, where the config names
            none, all that are ready.
        num_tests: Seeded random inputs; None means the config's number. Needs a config.
        pictures: Real pictures, through the config's `preprocess`. Needs a config.
        program: A packaged executable, checked as the runner `program`.
        skip_unavailable: Whether runners that are not here are fine; see `exit_code`.
        seed: Of the random inputs.
        notify: Told what is being checked.

    Raises:
        OxidizedVisionError: when there is nothing to compare with: no config, no model, no
            reference. A check that fails is not an error: see `passed`.
    """
    where = resolve(target, Path(program) if program else None)
    manifest = _manifest_of(where)
    options = _case_options(where, num_tests, pictures, seed)
    names = where.names(runners)
    ready = {name: where.runner_config(name) for name in names if where.missing(name) is None}
    integrity = check_integrity(manifest, where.folder)
    notify("running PyTorch" if where.config else "reading the goldens")
    reference = _reference(where, manifest, options, integrity)
    tolerances = _tolerances(where, manifest)
    results: list[ValidationResult] = []
    unavailable = [missing for name in names if (missing := where.missing(name))]
    for name, runner_config in ready.items():
        notify(f"checking {name}")
        cases = reference.cases_for(name)
        outcome = check_runner(name, runner_config, where.config, cases, tolerances)
        if isinstance(outcome, Unavailable):
            unavailable.append(outcome)
        else:
            results += outcome
    report = ValidationReport(
        passed=bool(results) and all_passed(results) and all_passed(integrity),
        model=where.name,
        reference=reference.kind,
        tolerance_mae=tolerances.mae,
        tolerance_cos_sim=tolerances.cosine_similarity,
        seed=seed,
        results=tuple(results),
        unavailable=tuple(unavailable),
        integrity=integrity,
        skip_unavailable=skip_unavailable,
    )
    if results:
        _record(where, report, reference, ready.values())
    return report


def _reference(
    where: Target,
    manifest: Manifest,
    options: CaseOptions,
    integrity: tuple[IntegrityResult, ...],
) -> Reference:
    whole = all(row.passed for row in integrity if row.file == manifest.goldens.file)
    return make_reference(where, manifest, options, goldens_whole=whole)


def _manifest_of(where: Target) -> Manifest:
    if where.manifest is None:
        raise OxidizedVisionError(
            Kind.NOT_FOUND,
            f"No manifest beside {where.model} lists it, so there is nothing to compare it with",
            "Validate a model that `oxidizedvision convert` made, or give its config.yml.",
        )
    return where.manifest


def _case_options(
    where: Target, num_tests: int | None, pictures: Sequence[str | Path], seed: int
) -> CaseOptions:
    if where.config is None and (num_tests is not None or pictures):
        raise OxidizedVisionError(
            Kind.USAGE,
            "Random inputs and pictures need the live network to compare with",
            "Give the config.yml in place of the model.",
        )
    if num_tests is None:
        num_tests = where.config.validation.num_tests if where.config else 0
    for name, value in {"num_tests": num_tests, "seed": seed}.items():
        if value < 0:
            raise OxidizedVisionError(Kind.USAGE, f"{name} cannot be {value}", "Use 0 or more.")
    return CaseOptions(num_tests, seed, tuple(Path(picture) for picture in pictures))


def _tolerances(where: Target, manifest: Manifest) -> Tolerances:
    if where.config is None:
        return Tolerances(manifest.tolerance.mae, manifest.tolerance.cosine_similarity)
    wanted = where.config.validation
    return Tolerances(wanted.tolerance_mae, wanted.tolerance_cos_sim)


def _record(
    where: Target,
    report: ValidationReport,
    reference: Reference,
    loaded: Iterable[RunnerConfig],
) -> None:
    """Write the summary into the manifest; a folder that cannot be written to is only told of."""
    if where.manifest_path is None:
        return
    summary = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cases": [case.name for case in reference.cases],
        "files": _models(loaded),
        **to_plain(report),
    }
    try:
        update_manifest(where.manifest_path, lambda m: m.model_copy(update={"validation": summary}))
    except OxidizedVisionError as error:
        warnings.warn(
            f"The result is not in the manifest: {error.message}",
            OxidizedVisionWarning,
            stacklevel=3,
        )


def _models(loaded: Iterable[RunnerConfig]) -> dict[str, str]:
    """SHA-256 of the model files that were loaded, by name: what the result is about."""
    paths = {each.model for each in loaded if isinstance(each.model, Path)}
    return {
        path.name: sha256_of(path)
        for path in sorted(paths)
        if path.suffix in {".onnx", ".pt"} and path.is_file()
    }
