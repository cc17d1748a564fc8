"""Which files go in, and which file each of them becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.predict import pictures, results, tensor_files
from oxidizedvision.predict.report import SkippedInput

KNOWN = (*pictures.ENDINGS, *tensor_files.ENDINGS)
_RESULTS = (*KNOWN, results.DOCUMENT)
DEFAULT_FOLDER = Path("predictions")


@dataclass(frozen=True)
class Found:
    """The inputs in order.

    many: whether results go into a folder; then one bad input does not end the work.
    """

    inputs: tuple[Path, ...]
    skipped: tuple[SkippedInput, ...]
    many: bool


@dataclass(frozen=True)
class Job:
    """One input and its result's file."""

    source: Path
    result: Path


def is_picture(path: Path) -> bool:
    """Whether a file is a picture, by its ending."""
    return path.suffix.lower() in pictures.ENDINGS


def find_inputs(given: Sequence[Path]) -> Found:
    """The files given, and those in the folders given, sorted by name; folders in them are left.

    Raises:
        OxidizedVisionError: `not_found`, `input` for a file of another kind or when there is
            nothing to do.
    """
    inputs: list[Path] = []
    skipped: list[SkippedInput] = []
    for path in given:
        if path.is_dir():
            _look_into(path, inputs, skipped)
        else:
            inputs.append(_checked(path))
    if not inputs:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"There is no input in {', '.join(map(str, given)) or 'an empty list'}",
            f"Inputs end in {', '.join(KNOWN)}.",
        )
    many = len(given) > 1 or given[0].is_dir()
    return Found(tuple(inputs), tuple(skipped), many)


def is_tensors(path: Path) -> bool:
    """Whether a file holds tensors, by its ending."""
    return path.suffix.lower() in tensor_files.ENDINGS


def names_result(output: Path) -> bool:
    """Whether an output can only be written where it is known what the tensors mean."""
    return output.suffix.lower() in (*pictures.ENDINGS, results.DOCUMENT)


def plan_jobs(found: Found, output: Path | None, *, kind: str, outputs: int) -> list[Job]:
    """Where every result goes.

    Pictures become what the model gives: pictures of the same ending, masks, documents or, where
    nothing is known of the outputs, tensors; tensors become tensors of the same ending.

    Args:
        found: The inputs.
        output: A file for a single input, else a folder; None means the folder `predictions`.
        kind: What the model's outputs are: a kind of `postprocess`.
        outputs: How many outputs the model has.

    Raises:
        OxidizedVisionError: `usage` when a result would take the place of another one or of an
            input, or `output` is a file where a folder is needed; `input` or `not_single` when
            the result cannot be written as that kind of file.
    """
    if output is not None and _is_file_name(output, found.many):
        job = Job(found.inputs[0], output)
        results.check_ending(job.result, kind, job.source)
        if job.result.suffix.lower() == tensor_files.SINGLE:
            tensor_files.check_one(job.result, outputs)
        jobs = [job]
    else:
        folder = DEFAULT_FOLDER if output is None else output
        jobs = [
            Job(path, folder / f"{path.stem}{_ending(path, kind, outputs)}")
            for path in found.inputs
        ]
    _refuse_clashes(jobs)
    return jobs


def _look_into(folder: Path, inputs: list[Path], skipped: list[SkippedInput]) -> None:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise OxidizedVisionError(
            Kind.FILE_SYSTEM, f"{folder}: {error.strerror}", "Check the folder's permissions."
        ) from error
    for path in entries:
        if path.is_dir():
            skipped.append(SkippedInput(path, "a folder within the folder"))
        elif path.suffix.lower() in KNOWN and not _is_no_file(path):
            inputs.append(path)
        elif path.suffix.lower() in KNOWN:
            skipped.append(SkippedInput(path, "a pipe or a device and no file"))
        else:
            skipped.append(SkippedInput(path, "neither a picture nor a tensor by its ending"))


def _checked(path: Path) -> Path:
    if not path.exists():
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no file {path}", "Check the path and the current folder."
        )
    if path.suffix.lower() not in KNOWN:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{path} is neither a picture nor a tensor by its ending",
            f"Inputs end in {', '.join(KNOWN)}.",
        )
    if _is_no_file(path):
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{path} is a pipe or a device and no file",
            "Write what it gives into a file of that ending.",
        )
    return path


def _is_no_file(path: Path) -> bool:
    """Whether it is a pipe, a socket or a device: reading one may never end."""
    return path.exists() and not path.is_file()


def _is_file_name(output: Path, many: bool) -> bool:
    if output.is_dir():
        return False
    ending = output.suffix.lower()
    if many:
        if ending in _RESULTS or output.exists():
            raise OxidizedVisionError(
                Kind.USAGE,
                f"{output} is a file, and there may be several results",
                "Give a folder as --output.",
            )
        return False
    if ending and ending not in _RESULTS:
        raise OxidizedVisionError(
            Kind.INPUT,
            f"{output}: results are not written as {ending}",
            f"Use one of {', '.join(_RESULTS)}; a folder of that name must be there already.",
        )
    return bool(ending)


def _ending(path: Path, kind: str, outputs: int) -> str:
    single = tensor_files.SINGLE if outputs == 1 else ".npz"
    if is_picture(path):
        return results.usual_ending(kind, path) or single
    return single if path.suffix.lower() == tensor_files.SINGLE else path.suffix


def _refuse_clashes(jobs: list[Job]) -> None:
    taken = {_place(job.source): f"the input {job.source}" for job in jobs}
    for job in jobs:
        place = _place(job.result)
        if place in taken:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"The result of {job.source} would be {job.result}, which is {taken[place]}",
                "Give another --output, or these inputs one after the other.",
            )
        taken[place] = f"also the result of {job.source}"


def _place(path: Path) -> str:
    """The file itself, whatever the path; names that differ in case are one on some systems."""
    return str(path.resolve()).casefold()
