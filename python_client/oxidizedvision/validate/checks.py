"""One reference, and each runner against it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import Manifest
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.table import load_runner
from oxidizedvision.runners.target import Target, Unavailable, unavailable_from
from oxidizedvision.validate.cases import Case, CaseOptions, make_cases
from oxidizedvision.validate.compare import Metrics, Verdict, verdict, worst
from oxidizedvision.validate.goldens import load_goldens
from oxidizedvision.validate.limits import Rules
from oxidizedvision.validate.report import ValidationResult

if TYPE_CHECKING:
    from oxidizedvision.config import Config
    from oxidizedvision.core.tensors import Array

LIVE = "pytorch"
RECORDED = "goldens"


@dataclass(frozen=True)
class Reference:
    """What runners are compared with.

    cases: with the expected outputs: of the live network, or the recorded ones. recorded: the
    goldens as they were recorded, which the live network itself is compared with.
    """

    kind: str
    cases: tuple[Case, ...]
    recorded: tuple[Case, ...]

    def cases_for(self, runner: str) -> tuple[Case, ...]:
        """The network is not compared with itself but with what it gave when it was converted."""
        return self.recorded if runner == LIVE else self.cases


def make_reference(
    where: Target, manifest: Manifest, options: CaseOptions, *, goldens_whole: bool
) -> Reference:
    """The cases with PyTorch's outputs.

    Args:
        where: The model.
        manifest: Its manifest.
        options: Which cases to make beside the goldens; only a live network can answer them.
        goldens_whole: Whether the golden file is the one that was written; a live network does
            without a broken one, which has failed its own check already.

    Raises:
        OxidizedVisionError: when the network, or a file that stands in for it, cannot be loaded.
    """
    path = where.folder / manifest.goldens.file
    if where.config is None:
        recorded = tuple(load_goldens(path))
        return Reference(RECORDED, recorded, recorded)
    recorded = tuple(load_goldens(path)) if goldens_whole else ()
    made = make_cases(where.config, options)
    with load_runner(LIVE, where.runner_config(LIVE), config=where.config) as network:
        live = [_answered_golden(network, case) for case in recorded]
        live += [_answered(network, case) for case in made]
    return Reference(LIVE, tuple(live), recorded)


def _answered(network: Runner, case: Case) -> Case:
    return dataclasses.replace(case, expected=network.run_named(case.inputs))


def _answered_golden(network: Runner, case: Case) -> Case:
    try:
        return _answered(network, case)
    except OxidizedVisionError as error:
        raise OxidizedVisionError(
            error.kind,
            f"The network does not take {case.name}, on which it was converted: {error.message}",
            "The config or the network changed since: run `oxidizedvision convert` again.",
        ) from error


def check_runner(
    name: str,
    runner_config: RunnerConfig,
    config: Config | None,
    cases: Sequence[Case],
    rules: Rules,
    *,
    load: Callable[[], Runner] | None = None,
) -> list[ValidationResult] | Unavailable:
    """Load a model into a runner and compare its outputs on every case.

    A model that does not load, an output that is missing or not expected, and a run that fails
    are failed results; only an engine or a device that is not here is `Unavailable`. `load` loads
    the runner, where that is not by its name alone.
    """
    if not cases:
        return []
    try:
        runner = load() if load else load_runner(name, runner_config, config=config, apart=True)
    except OxidizedVisionError as error:
        failed = Verdict("", None, f"cannot load: {error.kind}: {error.message}")
        return unavailable_from(name, error) or [
            _result(name, "", output, [failed] * len(cases), rules) for output in cases[0].expected
        ]
    with runner:
        verdicts: dict[str, list[Verdict]] = {}
        for case in cases:
            for output, found in _verdicts(runner, name, case, rules).items():
                verdicts.setdefault(output, []).append(found)
        version = _version(runner)
    return [_result(name, version, output, found, rules) for output, found in verdicts.items()]


def _verdicts(runner: Runner, name: str, case: Case, rules: Rules) -> Mapping[str, Verdict]:
    try:
        must_be(name, runner)
        got: dict[str, Array] = runner.run_named(case.inputs)
    except OxidizedVisionError as error:
        return {
            output: Verdict(case.name, None, f"{error.kind}: {error.message}")
            for output in case.expected
        }
    found = {
        output: verdict(
            case.name, expected, got.get(output), rules.tolerances(output), rules.meaning
        )
        for output, expected in case.expected.items()
    }
    for output in got:
        if output not in case.expected:
            found[output] = Verdict(case.name, None, "PyTorch has no such output")
    return found


def must_be(name: str, runner: Runner) -> None:
    """Refuse a runner that is another engine than it was asked for.

    Raises:
        OxidizedVisionError: `internal`.
    """
    backend = runner.info.backend
    if backend != name:
        raise OxidizedVisionError(
            Kind.INTERNAL,
            f"it is {backend} that ran, not {name}",
            "Please report it with what --verbose shows.",
        )


def _version(runner: Runner) -> str:
    try:
        return runner.info.backend_version
    except OxidizedVisionError:  # an info that needs a run, which the verdicts have told of
        return ""


def _result(
    name: str, version: str, output: str, verdicts: list[Verdict], rules: Rules
) -> ValidationResult:
    summary = worst(verdicts)
    place = f"{summary.case}: " if summary.case else ""
    measured = {
        field.name: getattr(summary.measured, field.name) for field in dataclasses.fields(Metrics)
    }
    return ValidationResult(
        runner=name,
        engine_version=version,
        output=output,
        cases=len(verdicts),
        worst_case=summary.case,
        worst_value=measured.pop("worst"),
        **measured,
        passed=not summary.reason,
        reason=f"{place}{summary.reason}" if summary.reason else "",
        precision=rules.precision,
        limits=rules.limits(output),
    )
