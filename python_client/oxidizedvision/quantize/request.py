"""What a smaller precision is asked for with, and the inputs that it is made and judged on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oxidizedvision.calibration import Sample, SampleSource, load_samples, random_samples
from oxidizedvision.calibration.samples import with_expected
from oxidizedvision.config.optimization import BudgetConfig, CalibrationConfig
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.runners.target import Target

MOST_JUDGED = 32
"""Inputs that the metric is taken on, where no budget.data says which."""

_FEW = 4


@dataclass(frozen=True)
class QuantizeRequest:
    """A model, the precision wanted, and the budget.

    Args:
        where: The model, for timing it.
        base: The FP32 model's content.
        precision: `int8` (static), `int8-dynamic` or `fp16`.
        engine: The runner that will run it.
        threads: Of the engine; None means as many processors as there are.
        source: What the model takes.
        calibration: What INT8 is calibrated on, and how.
        budget: The metric and how far it may fall.
        goldens: Inputs of the model that are known, judged beside the others.
        force: Keep it though it is slower or larger than FP32.
    """

    where: Target
    base: bytes
    precision: str
    engine: str
    source: SampleSource
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    goldens: Sequence[Mapping[str, object]] = ()
    threads: int | None = None
    force: bool = False


@dataclass(frozen=True)
class Inputs:
    """Inputs to calibrate on, and inputs to judge on. origin: where they come from, in words."""

    calibration: tuple[Sample, ...]
    judged: tuple[Sample, ...]
    origin: str

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the first input that is judged, by name."""
        return {name: array.shape for name, array in self.judged[0].inputs.items()}


def find_inputs(request: QuantizeRequest) -> Inputs:
    """The inputs that the config names; random ones only where it says so.

    Raises:
        OxidizedVisionError: `config` where nothing is named, and whatever keeps them from being
            read.
    """
    calibration, judged, origin = _calibration(request)
    budget = request.budget
    if budget.data is not None:
        judged = load_samples(budget.data, request.source)
    if budget.reference is not None:
        judged = with_expected(judged, request.source.folder / budget.reference, request.source)
    return Inputs(tuple(calibration), tuple(judged), origin)


def _calibration(request: QuantizeRequest) -> tuple[list[Sample], list[Sample], str]:
    wanted = request.calibration
    if wanted.data is not None:
        found = load_samples(wanted.data, request.source, most=wanted.samples + MOST_JUDGED)
        if len(found) < 2 * _FEW:
            return found, found, wanted.data
        return *_split(found, wanted.samples), wanted.data
    if wanted.random:
        found = random_samples(request.source, wanted.samples)
        return found, found[:MOST_JUDGED], "random numbers, as calibration.random says"
    goldens = _goldens(request)
    if request.precision != "int8":
        # Nothing is calibrated: these are only judged.
        return [], goldens or random_samples(request.source, _FEW), "goldens"
    raise OxidizedVisionError(
        Kind.CONFIG,
        f"INT8 needs inputs to calibrate {request.where.name} on, and none are named",
        "Set calibration.data, or --calibration, to a folder of real pictures, an .npy or .npz "
        "file or file.py:function. --random-calibration does without, and says little.",
    )


def _split(found: Sequence[Sample], samples: int) -> tuple[list[Sample], list[Sample]]:
    """Some to calibrate on, the others to judge: in turns, for they may lie in an order."""
    judged = list(found[1::3])[:MOST_JUDGED]
    names = {id(sample) for sample in judged}
    return [sample for sample in found if id(sample) not in names][:samples], judged


def _goldens(request: QuantizeRequest) -> list[Sample]:
    return [
        Sample(f"golden-{index}", dict(inputs))  # type: ignore[arg-type]
        for index, inputs in enumerate(request.goldens)
    ]
