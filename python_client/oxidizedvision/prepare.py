"""`prepare`: a model as one engine loads it soonest, proved on its goldens and recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oxidizedvision.core.claims import folder_lock
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors, file_size, flush_folder, make_folder, sha256_of
from oxidizedvision.core.manifest import FileRecord, Manifest, Stage, load_manifest
from oxidizedvision.core.publish import publish, working_folder
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.prepared import is_prepared, prepare_apart, prepared_path
from oxidizedvision.runners.table import availability
from oxidizedvision.runners.target import Target, resolve
from oxidizedvision.validate.cases import Case
from oxidizedvision.validate.replay import Goldens


@dataclass(frozen=True)
class PrepareResult:
    """A prepared model.

    output: the new file. cases: goldens that it was proved on; 0 where no manifest lists the
    model. recorded: whether the manifest lists the file.
    """

    model: Path
    runner: str
    output: Path
    bytes_before: int
    bytes_after: int
    cases: int
    recorded: bool
    seconds: float


def prepare(
    model: str | Path,
    *,
    runner: str,
    output: str | Path | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    options: Mapping[str, str] | None = None,
    notify: Notify = silent,
) -> PrepareResult:
    """Write a model in the form that an engine loads soonest, and replay its goldens with it.

    The engine works in a process of its own. The file appears, and the manifest lists it, only
    where it gives PyTorch's answers within the manifest's tolerance. Without a manifest the engine
    compares one answer of its own.

    Args:
        model: An .onnx file; or a config or a manifest, which stand for the newest one.
        runner: An engine that has such a form; docs/engines.md lists them.
        output: The new file; beside the model where not given. Only there it is recorded.
        input_shapes: Lengths for the axes of inputs, by input name; they are fixed then.
        options: Options of the engine, by name.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `check_failed` where it gives other answers, and nothing is written;
            `unsupported` where the engine has no such form of this model; `usage` for an output
            that is a file of the model already or has another ending, and for shapes that no
            golden has; `backend_unavailable`.
    """
    job = _Job(resolve(model), runner, input_shapes or {}, options or {}, notify)
    _refuse_prepared(job.where)
    target = Path(output) if output else prepared_path(runner, job.where.model)
    job.refuse(target)
    goldens = job.goldens()
    with working_folder(make_folder(target.parent), "prepare") as folder:
        result = job.make(folder / target.name, target, goldens)
        job.put(folder / target.name, result)
    return result


@dataclass(frozen=True)
class _Job:
    """One preparation; `start` is the time of the clock that never goes back."""

    where: Target
    runner: str
    shapes: Mapping[str, Sequence[int]]
    options: Mapping[str, str]
    notify: Notify
    start: float = field(default_factory=time.monotonic)

    def refuse(self, target: Path) -> None:
        """Refuse what must not be written over, and an engine that is not here."""
        _refuse_own_files(self.where, target)
        _refuse_missing(self.runner)

    def goldens(self) -> Goldens:
        """What the file is proved on."""
        goldens = Goldens(self.where)
        goldens.cases = _fitting(goldens.cases, self.shapes, self.where)
        return goldens

    def make(self, made: Path, target: Path, goldens: Goldens) -> PrepareResult:
        """Write the file that will be `target`, and prove it."""
        model = self.where.model
        self.notify(f"preparing {model.name} for {self.runner}")
        prepared = prepare_apart(
            self.runner,
            model,
            made,
            input_shapes=self.shapes,
            optimize=self.where.runner_config(self.runner).optimize,
            options=self.options,
        )
        self.notify("replaying the goldens")
        _prove(goldens, self.runner, made, self.where)
        return PrepareResult(
            model=model,
            runner=self.runner,
            output=target,
            bytes_before=file_size(model),
            bytes_after=prepared.size,
            cases=len(goldens.cases),
            recorded=self.where.manifest_path is not None and _beside(model, target),
            seconds=round(time.monotonic() - self.start, 3),
        )

    def put(self, made: Path, result: PrepareResult) -> None:
        """Move the file into place, and into the manifest where it is recorded."""
        if result.recorded and self.where.manifest_path is not None:
            _publish(self.where.manifest_path, made.parent, result, dict(self.options))
            return
        with file_errors(result.output):
            made.replace(result.output)
        flush_folder(result.output.parent)


def _refuse_prepared(where: Target) -> None:
    if is_prepared(where.model):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{where.model} is prepared already",
            "Give the .onnx file that it was made from.",
        )


def _refuse_own_files(where: Target, target: Path) -> None:
    """Refuse to write over the model, or over a file that another stage made."""
    taken = [where.model]
    if where.manifest is not None:
        stages = [stage.output for stage in where.manifest.stages if stage.name != "prepare"]
        records = [*stages, where.manifest.goldens]
        taken += [where.folder / record.file for record in records]
    if os.path.realpath(target) in map(os.path.realpath, taken):
        raise OxidizedVisionError(
            Kind.USAGE, f"{target} is a file of the model itself", "Choose another --output."
        )


def _refuse_missing(runner: str) -> None:
    state = availability(runner)
    if not state.ready:
        raise OxidizedVisionError(
            Kind.BACKEND_UNAVAILABLE, f"The runner {runner} is not ready", state.hint
        )


def _beside(model: Path, target: Path) -> bool:
    return os.path.realpath(target.parent) == os.path.realpath(model.parent)


def _fitting(
    cases: Sequence[Case], shapes: Mapping[str, Sequence[int]], where: Target
) -> Sequence[Case]:
    """The goldens that a model of fixed shapes can run."""
    fitting = [case for case in cases if _fits(case, shapes)]
    if cases and not fitting:
        asked = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise OxidizedVisionError(
            Kind.USAGE,
            f"No golden of {where.model.name} has the shape {asked}: nothing would prove the file",
            "Convert with this shape as model.input_shape, or leave --shape out.",
        )
    return fitting


def _fits(case: Case, shapes: Mapping[str, Sequence[int]]) -> bool:
    given = (name for name in shapes if name in case.inputs)
    return all(case.inputs[name].shape == tuple(shapes[name]) for name in given)


def _prove(goldens: Goldens, runner: str, made: Path, where: Target) -> None:
    reason = goldens.difference(runner, RunnerConfig(made))
    if reason:
        raise OxidizedVisionError(
            Kind.CHECK_FAILED,
            f"{where.model.name} prepared for {runner} does not give PyTorch's answers: {reason}. "
            "It was not kept",
            f"Use the .onnx file with {runner}, and please report this.",
        )


def _publish(path: Path, folder: Path, result: PrepareResult, options: dict[str, str]) -> None:
    """Put the file in place and its stage into the manifest, both or neither."""
    from oxidizedvision.registry import refresh

    with folder_lock(path.parent):
        manifest = load_manifest(path)
        stage = _stage(result, folder / result.output.name, options)
        _with_stage(manifest, stage).save(folder / path.name)
        publish(folder, [result.output.name, path.name], path)
    refresh(path)


def _with_stage(manifest: Manifest, stage: Stage) -> Manifest:
    others = [old for old in manifest.stages if old.output.file != stage.output.file]
    return manifest.model_copy(update={"stages": [*others, stage]})


def _stage(result: PrepareResult, made: Path, options: dict[str, str]) -> Stage:
    return Stage(
        name="prepare",
        tool=f"{result.runner} {availability(result.runner).version}",
        parameters={"runner": result.runner, "options": options},
        input_sha256=sha256_of(result.model),
        output=FileRecord.of(made),
        seconds=result.seconds,
        checks={"goldens": result.cases},
    )
