"""`validate`: load every runner, run every case, compare with PyTorch."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from oxidizedvision.config import Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import Manifest, update_manifest
from oxidizedvision.core.results import Notify, silent, to_plain
from oxidizedvision.packaged import takes_packages
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.target import Target, Unavailable, resolve
from oxidizedvision.validate.cases import CaseOptions
from oxidizedvision.validate.checks import Reference, check_runner, make_reference
from oxidizedvision.validate.data import DataReport, DataSet
from oxidizedvision.validate.data.verb import DataCheck
from oxidizedvision.validate.integrity import check_integrity
from oxidizedvision.validate.limits import LimitTable
from oxidizedvision.validate.report import (
    IntegrityResult,
    ValidationReport,
    ValidationResult,
    all_passed,
)


@takes_packages
def validate(  # noqa: PLR0913 - the verb's options
    target: str | Path | Config,
    *,
    runners: Sequence[str] | None = None,
    num_tests: int | None = None,
    pictures: Sequence[str | Path] = (),
    program: str | Path | None = None,
    data: str | Path | DataSet | None = None,
    skip_unavailable: bool = False,
    seed: int = 0,
    notify: Notify = silent,
) -> ValidationReport:
    """Compare runners with PyTorch, output by output, and check the model's files.

    The reference is the live network where `target` is a config, and the goldens where it is a
    manifest or an ONNX file that a manifest lists. A runner that is here and cannot load or run
    the model has failed. The summary is written into the manifest.

    Args:
        target: A config or its path, a manifest, a converted .onnx file, or a package.
        runners: Names; None means the config's and the references, or, where the config names
            none, all that are ready.
        num_tests: Seeded random inputs; None means the config's number. Needs a config.
        pictures: Real pictures, through the config's `preprocess`. Needs a config. Files that are
            always tried stand in `validation.inputs`.
        program: A packaged executable, checked as the runner `program`.
        data: A folder with a folder of pictures for each class, or a `DataSet`: then the accuracy
            of PyTorch and of every file and runner is told as well.
        skip_unavailable: Whether runners that are not here are fine; see `exit_code`.
        seed: Of the random inputs.
        notify: Told what is being checked.

    Raises:
        OxidizedVisionError: when there is nothing to compare with: no config, no model, no
            reference; when a file of inputs or the data set does not fit the model, or a limit of
            the config limits nothing. A check that fails is not an error: see `passed`.
    """
    where = resolve(target, Path(program) if program else None)
    manifest = _manifest_of(where)
    options = _case_options(where, num_tests, pictures, seed)
    names = where.names(runners)
    data_check = _data_check(where, manifest, data, notify)
    found = _found(where, manifest, names, options, notify)
    if data_check is not None:
        here = {name: found.ready[name] for name in found.seconds}
        found.data = data_check.run(here, notify)
    report = found.report(where, seed=seed, skip_unavailable=skip_unavailable)
    if found.results:
        _record(where, report, found.reference, found.ready.values())
    return report


@dataclass
class _Found:
    """What was checked, and what it gave; `seconds` has the runners that are here."""

    table: LimitTable
    ready: Mapping[str, RunnerConfig]
    reference: Reference
    integrity: tuple[IntegrityResult, ...]
    unavailable: list[Unavailable]
    results: list[ValidationResult] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    data: DataReport | None = None

    def report(self, where: Target, *, seed: int, skip_unavailable: bool) -> ValidationReport:
        """All of it, as it is given back."""
        mae, similarity = self.table.seed_limits
        rows, data = self.results, self.data.results if self.data else ()
        passed = all_passed(rows) and all_passed(self.integrity) and all_passed(data)
        return ValidationReport(
            passed=bool(rows) and passed,
            model=where.name,
            reference=self.reference.kind,
            tolerance_mae=mae,
            tolerance_cos_sim=similarity,
            seed=seed,
            results=tuple(rows),
            unavailable=tuple(self.unavailable),
            integrity=self.integrity,
            skip_unavailable=skip_unavailable,
            limits=self.table.bases({row.precision for row in rows}),
            data=self.data,
            seconds=self.seconds,
        )


def _found(
    where: Target, manifest: Manifest, names: Sequence[str], options: CaseOptions, notify: Notify
) -> _Found:
    """Every runner on every case."""
    ready = {name: where.runner_config(name) for name in names if where.missing(name) is None}
    integrity = check_integrity(manifest, where.folder)
    notify("running PyTorch" if where.config else "reading the goldens")
    reference = _reference(where, manifest, options, integrity)
    absent = [missing for name in names if (missing := where.missing(name))]
    found = _Found(LimitTable(where, manifest), ready, reference, integrity, absent)
    rules = {name: found.table.rules(name) for name in ready}
    if reference.cases:
        precisions = {rule.precision for rule in rules.values()}
        found.table.check(precisions, reference.cases[0].expected)
    for name, runner_config in ready.items():
        notify(f"checking {name}")
        start = time.monotonic()
        cases = reference.cases_for(name)
        outcome = check_runner(name, runner_config, where.config, cases, rules[name])
        if isinstance(outcome, Unavailable):
            found.unavailable.append(outcome)
        else:
            found.results += outcome
            found.seconds[name] = round(time.monotonic() - start, 3)
    return found


def _data_check(
    where: Target, manifest: Manifest, data: str | Path | DataSet | None, notify: Notify
) -> DataCheck | None:
    if data is None:
        return None
    notify("reading the data set")
    return DataCheck(where, manifest, data if isinstance(data, DataSet) else DataSet(data))


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
            "Validate a model that `oxidizedvision convert` made, or give its config.yml. --layers "
            "compares any .onnx file, in every engine, with itself in ONNX Runtime.",
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
