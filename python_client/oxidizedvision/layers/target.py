"""A model layer by layer: PyTorch, its files of every precision, and every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.auto.forms import find_forms
from oxidizedvision.config import Config
from oxidizedvision.core.engines import ONNX_ENGINES
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.layers.inputs import random_inputs, reference_beside
from oxidizedvision.layers.limits import OutputLimits
from oxidizedvision.layers.pytorch import pytorch_side
from oxidizedvision.layers.reduction import Reduction, reduce
from oxidizedvision.layers.report import LayerReport
from oxidizedvision.layers.verb import compare
from oxidizedvision.onnx_file import read_onnx
from oxidizedvision.runners.table import availability, engine_named
from oxidizedvision.runners.target import Target, Unavailable, resolve
from oxidizedvision.validate.cases import Case
from oxidizedvision.validate.checks import check_runner
from oxidizedvision.validate.goldens import load_goldens
from oxidizedvision.validate.limits import LimitTable, Rules

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

ENGINES = ("onnxruntime", *ONNX_ENGINES)
"""Those that give the inner tensors of a graph."""


@dataclass(frozen=True)
class LayerReports:
    """Every comparison of a model.

    reports: PyTorch with the FP32 file first, where the network is here. unavailable: runners that
    were asked for and are not here.
    """

    model: str
    reports: tuple[LayerReport, ...]
    unavailable: tuple[Unavailable, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether rounding explains all differences."""
        return bool(self.reports) and all(report.passed for report in self.reports)

    @property
    def exit_code(self) -> ExitCode:
        """3 when a layer diverges, 4 when a runner that was asked for is not here."""
        if not self.passed:
            return ExitCode.CHECK_FAILED
        return ExitCode.MISSING_PART if self.unavailable else ExitCode.DONE


def validate_layers(
    target: str | Path | Config,
    *,
    runners: Sequence[str] | None = None,
    full: bool = False,
    shapes: Mapping[str, Sequence[int]] | None = None,
    notify: Notify = silent,
) -> LayerReports:
    """Find the first layer that diverges, from PyTorch to FP32, and from FP32 in every engine.

    The model's newest file is compared, INT8 or FP16 where `optimize` made one, on its first
    golden. An .onnx file without a manifest is compared on random numbers: with NAME.onnx where
    it is NAME.int8.onnx, NAME.fp16.onnx or NAME.optimized.onnx, else with itself.

    Args:
        target: A config or its path, a manifest, or an .onnx file.
        runners: Among `ENGINES`; None takes all that are ready.
        full: Measure every layer; else look for the first that diverges.
        shapes: Of the random inputs, by name, where the file names axes.
        notify: Told what is being run.

    Raises:
        OxidizedVisionError: as `compare` and `random_inputs`; `usage` for a runner that does not
            give inner tensors, and for shapes beside goldens.
    """
    subject = _opened(target, shapes or {})
    where, reference = subject.where, subject.reference
    names = _engines(runners)
    missing = [state for name in names if (state := where.missing(name))]
    reports = []
    if where.config is not None and where.missing("pytorch") is None:
        notify("comparing PyTorch with FP32")
        reports.append(_from_pytorch(where.config, subject, full, notify))
    for name in names:
        if where.missing(name) is None:
            notify(f"comparing {where.model.name} in {name}")
            inputs, limits, notes = subject.case(name)
            report = compare(
                reference, where.model, inputs, engine=name, full=full, limits=limits, notify=notify
            )
            reports.append(replace(report, notes=(*notes, *report.notes)))
    told = missing if runners is not None else []
    return LayerReports(where.name, tuple(reports), tuple(told))


def reduce_target(
    target: str | Path | Config,
    folder: str | Path,
    *,
    runner: str = "onnxruntime",
    shapes: Mapping[str, Sequence[int]] | None = None,
    notify: Notify = silent,
) -> Reduction:
    """Write the smallest part of a model that still fails in an engine into a folder.

    Args:
        target: As `validate_layers`.
        folder: Where the bundle goes.
        runner: Among `ENGINES`.
        shapes: As `validate_layers`.
        notify: Told what is being tried.

    Raises:
        OxidizedVisionError: as `reduce`, and as `validate_layers`.
    """
    subject = _opened(target, shapes or {})
    (name,) = _engines([runner])
    model = subject.where.model
    inputs, limits, _ = subject.case(name)
    return reduce(
        subject.reference, model, inputs, folder, engine=name, limits=limits, notify=notify
    )


@dataclass(frozen=True)
class _Subject:
    """A model, its FP32 file, and what both may run on; without goldens `random` numbers."""

    where: Target
    reference: Path
    goldens: Sequence[Case] = ()
    random: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def rules(self) -> LimitTable | None:
        """What `validate` holds the model to."""
        manifest = self.where.manifest
        return LimitTable(self.where, manifest) if manifest is not None else None

    def case(self, engine: str) -> tuple[Mapping[str, Array], OutputLimits | None, tuple[str, ...]]:
        """Inputs, the limits of the outputs for them, and notes.

        Of several goldens the first, unless another breaks a limit that it keeps.
        """
        table = self.rules
        if table is None:
            return self.random, None, self.notes
        rules = table.rules(engine)
        case = self._failing(engine, rules) or self.goldens[0]
        note = f"compared on {case.name}, the worst of those that `validate` fails"
        told = () if case is self.goldens[0] else (note,)
        return case.inputs, OutputLimits(rules, expected=case.expected), (*self.notes, *told)

    def _failing(self, engine: str, rules: Rules) -> Case | None:
        if len(self.goldens) < 2 or not availability(engine).ready:
            return None
        found = check_runner(engine, self.where.runner_config(engine), None, self.goldens, rules)
        rows = () if isinstance(found, Unavailable) else found
        failed = {row.worst_case for row in rows if not row.passed}
        return next((case for case in self.goldens if case.name in failed), None)


def _opened(target: str | Path | Config, shapes: Mapping[str, Sequence[int]]) -> _Subject:
    where = resolve(target)
    if where.manifest is None:
        reference = reference_beside(where.model)
        inputs = random_inputs(reference, shapes)
        told = ", ".join(f"{name} {list(array.shape)}" for name, array in inputs.items())
        note = f"no manifest lists {where.model.name}: compared on random numbers, {told}"
        return _Subject(where, reference, random=inputs, notes=(note,))
    if shapes:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{where.name} is compared on its goldens, which have shapes of their own",
            "Leave the shapes out.",
        )
    reference = find_forms(where, onnx_only=False)[0].file
    goldens = load_goldens(where.folder / where.manifest.goldens.file)
    return _Subject(where, reference, goldens)


def _engines(runners: Sequence[str] | None) -> tuple[str, ...]:
    if runners is None:
        return tuple(name for name in ENGINES if availability(name).ready)
    for name in runners:
        if engine_named(name).name not in ENGINES:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"{name} does not give the inner tensors of a graph",
                f"Use {', '.join(ENGINES)}.",
            )
    return tuple(name for name in ENGINES if name in runners)


def _from_pytorch(config: Config, subject: _Subject, full: bool, notify: Notify) -> LayerReport:
    from oxidizedvision.convert import load_module

    reference, golden, table = subject.reference, subject.goldens[0], subject.rules
    given = {name: golden.inputs[name] for name in config.model.shapes}
    side = pytorch_side(load_module(config), read_onnx(reference), given, config.model.outputs)
    limits = OutputLimits(table.rules("pytorch")) if table is not None else None
    return compare(side, reference, given, full=full, limits=limits, notify=notify)
