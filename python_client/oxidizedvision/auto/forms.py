"""The files of one model, in each precision that it has, and who runs which."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.auto.report import Dropped
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.manifest import FP32_STAGES, Precision
from oxidizedvision.runners.table import engine_named
from oxidizedvision.runners.target import Target
from oxidizedvision.validate.replay import Goldens


@dataclass(frozen=True)
class Form:
    """One ONNX file of a model."""

    precision: Precision
    file: Path


@dataclass(frozen=True)
class Entrant:
    """An engine with the file that it runs.

    variant: the precision, where it is not that of the model's first form; empty there, where an
    engine may also read another format.
    """

    engine: str
    form: Form
    variant: str = ""

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.engine} in {self.variant.upper()}" if self.variant else self.engine


def find_forms(where: Target, *, onnx_only: bool) -> tuple[Form, ...]:
    """FP32 first, then the smaller precisions that `optimize` made.

    onnx_only: whether the file that was given is the one that must run; it is the only one then.
    """
    if where.manifest is None or onnx_only:
        return (Form(where.precision, where.model),)
    stages = where.manifest.stages
    first = [stage.output.file for stage in stages if stage.name in FP32_STAGES][-1]
    smaller = [stage for stage in stages if stage.name in {"fp16", "int8"}]
    return (
        Form("fp32", where.folder / first),
        *(
            Form(where.manifest.precision_of(stage.output.file), where.folder / stage.output.file)
            for stage in smaller
        ),
    )


def prove_smaller(
    where: Target, forms: Sequence[Form], engines: Sequence[str], device: str | None
) -> tuple[tuple[Entrant, ...], tuple[Dropped, ...]]:
    """Engines that give PyTorch's answers on the goldens with smaller files, by their limits.

    Raises:
        OxidizedVisionError: where the goldens cannot be read.
    """
    passed: list[Entrant] = []
    dropped: list[Dropped] = []
    for form in forms:
        target = dataclasses.replace(where, model=form.file)
        goldens = Goldens(target)
        for engine in engines:
            if "onnx" not in engine_named(engine).formats:
                continue
            entrant = Entrant(engine, form, form.precision)
            reason = _difference(goldens, target, engine, device)
            if reason:
                dropped.append(Dropped(entrant.name, engine, f"validation failed: {reason}"))
            else:
                passed.append(entrant)
    return tuple(passed), tuple(dropped)


def _difference(goldens: Goldens, where: Target, engine: str, device: str | None) -> str:
    try:
        return goldens.difference(engine, where.runner_config(engine, device=device))
    except OxidizedVisionError as error:
        return error.message
