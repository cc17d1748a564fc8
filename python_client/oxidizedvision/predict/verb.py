"""`predict`: files through a model, results to files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.config import Config, load_config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import AUTO, refuse_goal
from oxidizedvision.core.manifest import SUFFIX
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.core.tensors import ModelInfo
from oxidizedvision.packaged import is_package, packaged
from oxidizedvision.postprocess import Prediction
from oxidizedvision.predict.choice import Chosen, chosen_by_auto
from oxidizedvision.predict.contract import Contract, contract_of_model
from oxidizedvision.predict.pictures import (
    PictureInput,
    check_takes_pictures,
    picture_input,
    prediction_of,
)
from oxidizedvision.predict.plan import (
    Found,
    Job,
    find_inputs,
    is_picture,
    is_tensors,
    names_result,
    plan_jobs,
)
from oxidizedvision.predict.report import PredictFailure, PredictReport, PredictResult, Step
from oxidizedvision.predict.results import in_words, write_prediction
from oxidizedvision.predict.settings import EngineSettings
from oxidizedvision.predict.tensor_files import read_tensors, write_tensors
from oxidizedvision.preprocess import read_picture
from oxidizedvision.runners.base import Runner, RunnerConfig
from oxidizedvision.runners.table import load_runner
from oxidizedvision.runners.target import configured, resolve

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array


@dataclass(frozen=True)
class _Loaded:
    """A model ready to run; `contract` is empty where no picture is involved."""

    runner: Runner
    info: ModelInfo
    contract: Contract

    @property
    def kind(self) -> str:
        """What the outputs are; several are tensors unless the contract tells them apart."""
        several = len(self.info.outputs) != 1
        return "raw" if several and self.contract.kind != "detection" else self.contract.kind


@dataclass(frozen=True)
class _Computed:
    """What to write: tensors, or what they mean and the picture that it is about."""

    value: Prediction | dict[str, Array]
    run_ms: float
    note: str = ""
    picture: Array | None = None


def predict(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    runner: str | None = None,
    output: str | Path | None = None,
    settings: EngineSettings | None = None,
    goal: str | None = None,
    notify: Notify = silent,
) -> PredictReport:
    """Run a model on files of tensors or on pictures, and write what it gives.

    A picture goes in and out by the model's own preprocess and postprocess. Of several inputs
    one that fails does not stop the others: it is in `failures`. A name that is no picture and no
    tensor, or is not there, does, before anything is run.

    Args:
        model: An .onnx, a .pt beside its manifest, a manifest, a config (the network itself for
            `pytorch`, else what `convert` made of it), the executable for `program`, or a package.
        inputs: Pictures (.png .jpg .webp .bmp), tensors (.npy for a model of one input, .npz or
            .safetensors with an array for each input), and folders of these.
        runner: The engine's name; there is no fall-back, and no default but a package's own
            program, or module in Node. `auto` takes the engine
            and the threads that `choose` finds best here.
        output: A file for a single input, whose ending decides what is written; a folder for
            several, where each result keeps its input's name. None means the folder
            `predictions`.
        settings: Device, threads, precision and options of the engine; None takes the config's,
            or the engine's own.
        goal: Of `auto`, as in `choose`; None means `latency`.
        notify: Told which input is next, as a `Step`.

    Raises:
        OxidizedVisionError: when the model cannot be loaded, a result would overwrite an input
            or another result, a single input fails, or the output cannot be written; with `auto`
            as `choose`.
    """
    if not is_package(model):
        return _run(Path(model), inputs, runner, output, settings, goal, notify)
    with packaged(Path(model)) as inside:
        inside.check_runs([runner] if runner else (), Path(model))
        name = runner or inside.runner
        file = inside.program if name == "program" and inside.program else inside.model
        return _run(file, inputs, name, output, settings, goal, notify)


def _run(
    model: Path,
    inputs: str | Path | Sequence[str | Path],
    runner: str | None,
    output: str | Path | None,
    settings: EngineSettings | None,
    goal: str | None,
    notify: Notify,
) -> PredictReport:
    """A model that is no package."""
    if runner is None:
        raise OxidizedVisionError(
            Kind.USAGE,
            "No runner is named, and only a package has one of its own",
            "`oxidizedvision backends` lists them.",
        )
    given = [inputs] if isinstance(inputs, str | Path) else inputs
    found = find_inputs([Path(path) for path in given])
    target = None if output is None else Path(output)
    engine_settings = settings or EngineSettings()
    if runner == AUTO:
        chosen = chosen_by_auto(model, engine_settings, goal, notify)
    else:
        refuse_goal(goal)
        chosen = Chosen(runner, engine_settings, "", None)
    runner_config, config = _runner_config(model, chosen)
    report = _predicted(chosen.runner, runner_config, config, found, target, notify)
    return replace(report, chosen=chosen.line)


def _predicted(
    runner: str,
    runner_config: RunnerConfig,
    config: Config | None,
    found: Found,
    target: Path | None,
    notify: Notify,
) -> PredictReport:
    """Every input through a runner."""
    notify(f"loading {runner_config.model_name} into {runner}")
    start = time.perf_counter_ns()
    with load_runner(runner, runner_config, config=config, apart=True) as engine:
        info = engine.info
        load_ms = _milliseconds(start)
        loaded = _Loaded(engine, info, _contract(runner_config, engine, config, found, target))
        jobs = plan_jobs(found, target, kind=loaded.kind, outputs=len(info.outputs))
        if any(is_picture(job.source) for job in jobs):
            check_takes_pictures(info.model, info.inputs, loaded.contract)
        results, failures = _all_predicted(loaded, jobs, found.many, notify)
    return PredictReport(
        model=info.model,
        runner=info.backend,
        engine_version=info.backend_version,
        device=info.device,
        threads=info.threads,
        load_ms=load_ms,
        results=tuple(results),
        failures=tuple(failures),
        skipped=found.skipped,
    )


def _runner_config(model: Path, chosen: Chosen) -> tuple[RunnerConfig, Config | None]:
    """What to load, and the config where it is the live network that runs."""
    runner, settings = chosen.runner, chosen.settings
    is_config = model.suffix in {".yml", ".yaml"}
    config = load_config(model) if is_config and runner == "pytorch" else None
    if config is None and (is_config or model.name.endswith(SUFFIX)):
        where = resolve(model)
        where = replace(where, model=chosen.file or where.model)
        found = where.runner_config(runner, device=settings.device)
    else:
        found = configured(model, runner, config, device=settings.device)
    found = replace(
        found,
        threads=settings.threads,
        precision=settings.precision,
        options=settings.options,
    )
    return found, config


def _contract(
    runner_config: RunnerConfig,
    engine: Runner,
    config: Config | None,
    found: Found,
    output: Path | None,
) -> Contract:
    told = output is not None and names_result(output)
    if not told and not any(is_picture(path) for path in found.inputs):
        return Contract(None, None)
    return contract_of_model(Path(str(runner_config.model)), engine, config)


def _all_predicted(
    loaded: _Loaded, jobs: Sequence[Job], many: bool, notify: Notify
) -> tuple[list[PredictResult], list[PredictFailure]]:
    results: list[PredictResult] = []
    failures: list[PredictFailure] = []
    for done, job in enumerate(jobs):
        notify(Step(job.source.name, done, len(jobs)))
        try:
            computed = _computed(loaded, job)
        except OxidizedVisionError as error:
            if not many:
                raise
            failures.append(PredictFailure(job.source, error.kind, error.message, error.hint))
            continue
        # What keeps one result from being written (a full disk) keeps the others from it too.
        results.append(_written(job, computed))
    return results, failures


def _computed(loaded: _Loaded, job: Job) -> _Computed:
    put_in: PictureInput | None = None
    if is_picture(job.source):
        picture = read_picture(job.source)
        put_in = picture_input(picture, loaded.info.inputs[0], loaded.contract)
        tensors = put_in.tensors
    else:
        tensors = read_tensors(job.source, loaded.info.inputs)
    start = time.perf_counter_ns()
    outputs = loaded.runner.run_named(tensors)
    run_ms = _milliseconds(start)
    if is_tensors(job.result):
        return _Computed(outputs, run_ms)
    made = prediction_of(outputs, loaded.contract, put_in, tensors)
    if put_in is None:
        return _Computed(made, run_ms, in_words(made))
    return _Computed(made, run_ms, in_words(made) or put_in.note, put_in.pixels)


def _written(job: Job, computed: _Computed) -> PredictResult:
    if isinstance(computed.value, dict):
        write_tensors(job.result, computed.value)
        written = "tensors"
    else:
        written = write_prediction(job.result, computed.value, computed.picture)
    return PredictResult(job.source, job.result, written, computed.run_ms, computed.note)


def _milliseconds(start_ns: int) -> float:
    return (time.perf_counter_ns() - start_ns) / 1e6
