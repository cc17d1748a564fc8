"""What each output of each runner is held to, and whether that can be checked at all."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from oxidizedvision.config.nearest import nearest
from oxidizedvision.config.validation import DEFAULT_LIMITS, LIMITS, PrecisionLimits
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import Manifest, PackageRecord, Precision
from oxidizedvision.meaning import Meaning, meaning_of
from oxidizedvision.runners.table import engine_named
from oxidizedvision.runners.target import Target
from oxidizedvision.validate.compare import Tolerances, metrics_of

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

Row = Mapping[str, float]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_FIELDS = {"cos_sim": "cosine_similarity"}
"""The metric's name, where it is not that of the key."""

_OF_MEANING = ("top1", "top5", "iou")


@dataclass(frozen=True)
class Rules:
    """What the outputs of one runner are held to.

    precision: of the file that the runner reads. base: the limits of that precision. outputs: by
    output, those that win over it. engine: those of the runner, which win over both.
    """

    precision: Precision
    base: Row
    outputs: Mapping[str, Row]
    engine: Row
    meaning: Meaning

    def limits(self, output: str) -> dict[str, float]:
        """The limits of an output, by the keys of the config and in their order."""
        held = {**self.base, **self.outputs.get(output, {}), **self.engine}
        return {name: held[name] for name in LIMITS if name in held}

    def tolerances(self, output: str) -> Tolerances:
        """The limits of an output, as `verdict` takes them."""
        found = self.limits(output)
        return Tolerances(**{_FIELDS.get(name, name): value for name, value in found.items()})


class LimitTable:
    """The limits of a model's runners.

    Args:
        where: The model. Limits are the config's where there is one; else the manifest's for FP32
            and the defaults for the others.
        manifest: Its manifest.
    """

    def __init__(self, where: Target, manifest: Manifest) -> None:
        config = where.config
        self._where = where
        self._manifest = manifest
        self._defaults: dict[str, Row] = dict(DEFAULT_LIMITS)
        self._written: dict[str, PrecisionLimits] = {}
        if config is None:
            recorded = manifest.tolerance
            first = {"mae": recorded.mae, "cos_sim": recorded.cosine_similarity}
            postprocess = manifest.postprocess
        else:
            wanted = config.validation
            first = {"mae": wanted.tolerance_mae, "cos_sim": wanted.tolerance_cos_sim}
            self._written = dict(wanted.tolerances)
            told = config.postprocess
            postprocess = None if told is None else told.model_dump(mode="json")
        self._defaults["fp32"] = first
        self.meaning = meaning_of(postprocess)

    def base(self, precision: Precision) -> dict[str, float]:
        """The limits of a precision, without those of outputs and engines."""
        return self._rules(precision, "").limits("")

    def bases(self, precisions: Set[str]) -> dict[str, dict[str, float]]:
        """As `base`, of those that are named."""
        return {name: self.base(name) for name in PRECISIONS if name in precisions}

    def rules(self, runner: str) -> Rules:
        """What the outputs of a runner are held to."""
        return self._rules(precision_for(self._where, self._manifest, runner), runner)

    @property
    def seed_limits(self) -> tuple[float, float]:
        """The MAE and the cosine similarity of FP32."""
        held = self.base("fp32")
        return held["mae"], held["cos_sim"]

    def _rules(self, precision: Precision, runner: str) -> Rules:
        written = self._written.get(precision) or PrecisionLimits()
        engine = written.engines.get(runner)
        return Rules(
            precision,
            {**self._defaults[precision], **written.written},
            {name: row.written for name, row in written.outputs.items()},
            engine.written if engine else {},
            self.meaning,
        )

    def check(self, precisions: set[Precision], outputs: Mapping[str, Array]) -> None:
        """Refuse limits that no output can break, before any runner is loaded.

        Args:
            precisions: Those that are checked.
            outputs: What PyTorch gives for a case.

        Raises:
            OxidizedVisionError: `config` for a limit of an output that the model has not, or of a
                metric that has no meaning for the outputs it is written for.
        """
        for precision in sorted(precisions):
            written = self._written.get(precision)
            if written is None:
                continue
            key = f"validation.tolerances.{precision}"
            for name, row in written.outputs.items():
                if name not in outputs:
                    raise _unknown_output(f"{key}.outputs", name, outputs)
                _check_row(f"{key}.outputs.{name}", row.written, {name: outputs[name]}, self)
            _check_row(key, written.written, outputs, self)
            for name, row in written.engines.items():
                _check_row(f"{key}.engines.{name}", row.written, outputs, self)


def precision_for(where: Target, manifest: Manifest, runner: str) -> Precision:
    """The precision of what a runner runs: FP32 of the network and of TorchScript files."""
    if runner == "pytorch" or "pt" in engine_named(runner).formats:
        return "fp32"
    return _precision_of_program(where, manifest) if runner == "program" else where.precision


def _precision_of_program(where: Target, manifest: Manifest) -> Precision:
    """That of the file that the program was made from; else of the model's newest file."""
    if where.program is None or not where.program.is_file():
        return where.precision
    built = sha256_of(where.program)
    package = next((p for p in manifest.packages if built in _programs_of(p)), None)
    files = [stage.output for stage in manifest.stages]
    made = [f.file for f in files if package is not None and f.sha256 == package.model_sha256]
    return manifest.precision_of(made[0]) if made else where.precision


def _programs_of(package: PackageRecord) -> set[str]:
    """SHA-256 of the programs of a package; one of one file is its own."""
    return {package.sha256, *([package.program.sha256] if package.program else [])}


def _check_row(key: str, row: Row, outputs: Mapping[str, Array], table: LimitTable) -> None:
    for name in _OF_MEANING:
        if name not in row:
            continue
        found = (metrics_of(array, array, table.meaning) for array in outputs.values())
        if all(getattr(each, name) is None for each in found):
            shapes = ", ".join(f"{out} {list(array.shape)}" for out, array in outputs.items())
            raise OxidizedVisionError(
                Kind.CONFIG,
                f"{key}.{name} limits nothing: it has no meaning for {shapes}",
                "Take it out; docs/validation.md tells which outputs each metric is for.",
            )


def _unknown_output(key: str, name: str, outputs: Mapping[str, Array]) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.CONFIG,
        f"{key}: the model has no output {name!r}{nearest(name, outputs)}",
        "Name one of its outputs.",
    )
