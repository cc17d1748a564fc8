"""The engine of a crate, and the model's file that it runs."""

from __future__ import annotations

from collections.abc import Sequence

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import AUTO, refuse_goal
from oxidizedvision.package.choosing import choose_engine
from oxidizedvision.package.chosen import ChosenEngine
from oxidizedvision.package.engines import ALONE, CRATE, ENGINES
from oxidizedvision.package.kind import Job
from oxidizedvision.package.subject import Subject
from oxidizedvision.runners.prepared import is_prepared


def choose_crate_engine(job: Job, able: Sequence[str]) -> ChosenEngine:
    """As `choose_engine`; only engines that a program carries whole are taken unasked.

    Raises:
        OxidizedVisionError: as `choose_engine`.
    """
    unasked = job.engine in (None, AUTO)
    if job.subject.model.suffix == ".pt" and unasked:
        refuse_goal(job.goal)
        return ChosenEngine("tch", "it alone runs TorchScript")
    if unasked and not is_prepared(job.subject.model):
        return choose_engine(job, ALONE, CRATE)
    return choose_engine(job, able, CRATE)


def subject_for(subject: Subject, engine: str) -> Subject:
    """The model's file in the format that the engine runs.

    Raises:
        OxidizedVisionError: `usage` for a TorchScript file or a smaller precision where the engine
            runs the other format only.
    """
    wanted, model = ENGINES[engine].file_format, subject.model
    is_script = model.suffix == ".pt"
    if is_script == (wanted == "pt"):
        return subject
    if is_script:
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{model.name} is TorchScript, which tch runs and {engine} does not",
            "Package the .onnx file, or use --engine tch.",
        )
    if subject.manifest.precision_of(model.name) != "fp32":
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{model.name} is of a smaller precision, and tch runs the TorchScript file only",
            "Package the .pt file, or use another engine.",
        )
    return subject.chosen(subject.manifest.head("torchscript").file)
